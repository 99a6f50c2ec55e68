/* The one place where the version stands; the Makefile reads it too. */
#ifndef SIGNALBOX_VERSION_H
#define SIGNALBOX_VERSION_H

#define SIGNALBOX_VERSION "0.1.0"

#endif
