/* ALSA prints what it cannot open to stderr unless it is given an error handler. The handler is
   variadic, so it is C. The library stays loaded, since the handler is a setting of its instance. */
#include <dlfcn.h>
#include <stddef.h>

typedef void handler(const char *file, int line, const char *function, int err, const char *format, ...);

static void say_nothing(const char *file, int line, const char *function, int err, const char *format, ...) {
    (void)file;
    (void)line;
    (void)function;
    (void)err;
    (void)format;
}

void monipy_quiet_alsa(void) {
    void *alsa = dlopen("libasound.so.2", RTLD_NOW);
    if (alsa == NULL) return;
    int (*set)(handler *) = (int (*)(handler *))dlsym(alsa, "snd_lib_error_set_handler");
    if (set != NULL) set(say_nothing);
}
