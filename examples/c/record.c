/* Logs in, answers who barges in, and records the call to a stereo WAV: left is what the supervisor
 * hears (agent and customer), right is what the supervisor says (a WAV of 16 bits, mono, 16 kHz).
 *
 *   record SERVER ID PASSWORD CALL.wav [SAY.wav]
 *
 *   cc -o record record.c $(pkg-config --cflags --libs monipy)
 */
#include "common.h"

/* Both callbacks run on the call's media thread, one after the other; main looks when it is over. */
typedef struct {
  FILE *file;
  int16_t *speech;
  size_t samples, said;
  int16_t right[RATE]; /* what was said and is not written yet */
  uint32_t waiting, frames;
} recorder;

/* What the supervisor says: the next samples of the file, remembered for the recording. */
static uint32_t fill_audio(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, int16_t *pcm, uint32_t samples) {
  recorder *r = user_data;
  size_t left = r->samples - r->said;
  uint32_t part = left < samples ? (uint32_t)left : samples;
  (void)supervisor, (void)call;
  if (part == 0 || r->waiting + part > RATE) return 0;
  memcpy(pcm, r->speech + r->said, part * sizeof *pcm);
  memcpy(r->right + r->waiting, pcm, part * sizeof *pcm);
  r->said += part;
  r->waiting += part;
  return part;
}

/* What the supervisor hears, and beside it what was said meanwhile. Writing is quick enough here
 * since the system buffers it; a program with many calls would hand it to a thread of its own. */
static void on_audio(void *user_data, monipy_supervisor *supervisor, monipy_call_id call, const monipy_audio_frame *frame) {
  recorder *r = user_data;
  uint32_t said = r->waiting < frame->samples ? r->waiting : frame->samples;
  (void)supervisor, (void)call;
  for (uint32_t i = 0; i < frame->samples; i++) {
    put(r->file, (uint16_t)frame->pcm[i], 2);
    put(r->file, i < said ? (uint16_t)r->right[i] : 0, 2);
  }
  memmove(r->right, r->right + said, (r->waiting - said) * sizeof *r->right);
  r->waiting -= said;
  r->frames += frame->samples;
}

int main(int argc, char **argv) {
  static recorder r;
  monipy_callbacks callbacks = {.struct_size = sizeof callbacks, .user_data = &r, .on_audio = on_audio, .fill_audio = fill_audio};
  const monipy_event *event;
  int over = 0;
  if (argc != 5 && argc != 6) {
    fprintf(stderr, "usage: record SERVER ID PASSWORD CALL.wav [SAY.wav]\n");
    return 2;
  }
  r.file = fopen(argv[4], "wb");
  if (r.file == NULL) {
    perror(argv[4]);
    return 1;
  }
  wav_head(r.file, 2, 0);
  if (argc == 6) r.speech = read_wav(argv[5], &r.samples);
  monipy_supervisor *supervisor = sign_in(argv[1], argv[2], argv[3], &callbacks);
  while (!over) {
    must(monipy_wait_event(supervisor, UINT32_MAX, &event));
    over = handle(supervisor, event);
    monipy_event_free(event);
  }
  must(monipy_supervisor_destroy(supervisor)); /* no callback runs any more */
  wav_head(r.file, 2, r.frames);
  fclose(r.file);
  free(r.speech);
  printf("recorded %.1f s\n", (double)r.frames / RATE);
  return 0;
}
