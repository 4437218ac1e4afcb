/* What the three programs share: logging in from the command line, and WAV files of 16 bits. */
#ifndef COMMON_H
#define COMMON_H

#include <monipy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 16000 /* Hz, of all PCM here */

/* Ends the program when a call of the library failed. */
static inline void must(monipy_status status) {
  if (status >= 0) return;
  fprintf(stderr, "%s\n", monipy_last_error());
  exit(1);
}

/* Makes a supervisor and logs in. */
static inline monipy_supervisor *sign_in(const char *server, const char *id, const char *password, const monipy_callbacks *callbacks) {
  monipy_supervisor *supervisor;
  monipy_config config;
  must(monipy_config_init(&config, sizeof config));
  config.server = server;
  config.audio_mode = MONIPY_AUDIO_APPLICATION;
  config.sample_rate = RATE;
  must(monipy_supervisor_create(&config, callbacks, &supervisor));
  must(monipy_login(supervisor, id, password));
  return supervisor;
}

/* Prints an event and answers a call. Says whether the program's work is over. */
static inline int handle(monipy_supervisor *supervisor, const monipy_event *event) {
  printf("%s %d %s\n", event->name, event->code, event->status);
  fflush(stdout);
  if (event->type == MONIPY_EVENT_INCOMING_CALL) must(monipy_answer(supervisor, event->call));
  return event->type == MONIPY_EVENT_ENDED || event->type == MONIPY_EVENT_HANGUP || event->type == MONIPY_EVENT_LOGIN_FAILED;
}

static inline uint32_t little(const unsigned char *bytes, int count) {
  uint32_t value = 0;
  while (count-- > 0) value = value << 8 | bytes[count];
  return value;
}

/* Reads a WAV of 16 bits, mono, at RATE. Free what it gives. */
static inline int16_t *read_wav(const char *path, size_t *samples) {
  unsigned char head[12], chunk[8], format[16];
  FILE *file = fopen(path, "rb");
  int fits = 0;
  if (file == NULL || fread(head, 1, 12, file) != 12 || memcmp(head + 8, "WAVE", 4) != 0) goto bad;
  while (fread(chunk, 1, 8, file) == 8) {
    uint32_t size = little(chunk + 4, 4);
    if (memcmp(chunk, "fmt ", 4) == 0 && size >= 16) {
      if (fread(format, 1, 16, file) != 16) goto bad;
      fits = little(format, 2) == 1 && little(format + 2, 2) == 1 && little(format + 4, 4) == RATE && little(format + 14, 2) == 16;
      size -= 16;
    } else if (memcmp(chunk, "data", 4) == 0 && fits) {
      int16_t *pcm = malloc((size_t)size + 1);
      *samples = pcm ? fread(pcm, 2, size / 2, file) : 0;
      fclose(file);
      return pcm;
    }
    if (fseek(file, (long)(size + size % 2), SEEK_CUR) != 0) goto bad;
  }
bad:
  fprintf(stderr, "%s: not a WAV of 16 bits, mono, %d Hz\n", path, RATE);
  exit(1);
}

static inline void put(FILE *file, uint32_t value, int count) {
  for (; count > 0; count--, value >>= 8) fputc((int)(value & 0xff), file);
}

/* Begins a WAV; call it again at the end, with the number of frames, to complete the head. */
static inline void wav_head(FILE *file, uint32_t channels, uint32_t frames) {
  uint32_t bytes = frames * channels * 2;
  rewind(file);
  fputs("RIFF", file), put(file, 36 + bytes, 4), fputs("WAVEfmt ", file), put(file, 16, 4), put(file, 1, 2);
  put(file, channels, 2), put(file, RATE, 4), put(file, RATE * channels * 2, 4), put(file, channels * 2, 2), put(file, 16, 2);
  fputs("data", file), put(file, bytes, 4);
}

#endif
