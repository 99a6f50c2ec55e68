/* For LD_PRELOAD, at its end: what was loaded before this serves the process alone, and none of the
 * programs that it starts. */
#include <stdlib.h>

__attribute__((constructor)) static void forget(void) {
    unsetenv("LD_PRELOAD");
}
