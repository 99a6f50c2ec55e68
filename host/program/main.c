/* signalbox: the words before the command; run.c does the rest. */
#include "program/process.h"
#include "program/run.h"
#include "program/sandbox/sandbox.h"
#include "version.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int usage_error(const char *what, const char *word) {
    fprintf(stderr, "signalbox: %s%s\n", what, word);
    fputs("  usage: signalbox [--db PATH_OR_URL] COMMAND [ARGS]   (signalbox help lists them)\n",
          stderr);
    return EXIT_USAGE;
}

/* Takes "--flag VALUE" or "--flag=VALUE" at argv[at] and returns the words it has, 0 where there is
 * no such option or no value. */
static int take_option(char **argv, int at, Flag flags[]) {
    for (Flag *flag = flags; flag->name != NULL; flag++) {
        size_t size = strlen(flag->name);
        if (strncmp(argv[at] + 2, flag->name, size) != 0) {
            continue;
        }
        bool joined = argv[at][2 + size] == '=';
        const char *value = joined ? argv[at] + 3 + size : argv[at + 1];
        if ((joined || argv[at][2 + size] == '\0') && value != NULL && *value != '\0') {
            flag->value = value;
            return joined ? 1 : 2;
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    process_prepare();
    if (argc > 1 && strcmp(argv[1], RULE_WORKER_FLAG) == 0) {
        return rule_worker_main(argc, argv);
    }

    Flag flags[] = {{"db", NULL}, {"log-format", NULL}, {"log-level", NULL}, {NULL, NULL}};
    int at = 1;
    while (at < argc && argv[at][0] == '-') {
        if (strcmp(argv[at], "--version") == 0) {
            puts("signalbox " SIGNALBOX_VERSION);
            return EXIT_DONE;
        }
        if (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0) {
            static char help[] = "help";
            argv[at] = help;
            break;
        }
        int taken = argv[at][1] == '-' ? take_option(argv, at, flags) : 0;
        if (taken == 0) {
            return usage_error("unknown option, or one without its value: ", argv[at]);
        }
        at += taken;
    }
    if (at >= argc) {
        return usage_error("no command", "");
    }
    return run_command(argc, argv, at, flags);
}
