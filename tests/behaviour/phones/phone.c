/* The phone of the behaviour suite in C: commands on standard input, events and replies as lines of
 * JSON on standard output. See ../README.md for the commands.
 *
 *   phone SERVER [KEY=NUMBER...]      keys: ring_time, max_calls
 */
#include <monipy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RATE 16000

static char on_incoming[16]; /* what to do inside inComingCall: "", "answer" or "terminate" */

/* Events and replies come from two threads: stdio locks each call, so a line is one call. */
static void reply(const char *command, int code) { printf("{\"reply\":\"%s\",\"code\":%d}\n", command, code); }

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  (void)user_data;
  printf("%s\n", event->json);
  if (event->type != MONIPY_EVENT_INCOMING_CALL) return;
  if (strcmp(on_incoming, "answer") == 0) monipy_answer(supervisor, event->call);
  if (strcmp(on_incoming, "terminate") == 0) monipy_terminate(supervisor, event->call);
}

/* Writes what is heard in the next so many milliseconds to a file. */
static int hear(monipy_supervisor *supervisor, unsigned milliseconds, const char *path) {
  int16_t pcm[RATE / 50];
  unsigned left = RATE / 1000 * milliseconds;
  FILE *file = fopen(path, "wb");
  if (file == NULL) return MONIPY_ERR_INVALID_ARGUMENT;
  while (left > 0) {
    unsigned want = left < RATE / 50 ? left : RATE / 50;
    int got = monipy_audio_read(supervisor, 0, pcm, want, 5000);
    if (got <= 0) {
      fclose(file);
      return got < 0 ? got : MONIPY_ERR_TIMEOUT;
    }
    fwrite(pcm, sizeof *pcm, (size_t)got, file);
    left -= (unsigned)got;
  }
  fclose(file);
  return MONIPY_OK;
}

/* Speaks what is in a file. */
static int speak(monipy_supervisor *supervisor, const char *path) {
  int16_t pcm[RATE / 50];
  size_t got;
  int status = MONIPY_OK;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return MONIPY_ERR_INVALID_ARGUMENT;
  while (status >= 0 && (got = fread(pcm, sizeof *pcm, RATE / 50, file)) > 0)
    status = monipy_audio_write(supervisor, 0, pcm, (uint32_t)got, 5000);
  fclose(file);
  return status < 0 ? status : MONIPY_OK;
}

static int obey(monipy_supervisor *supervisor, const char *command, const char *first, const char *second) {
  if (strcmp(command, "login") == 0) return monipy_login(supervisor, first, second);
  if (strcmp(command, "logout") == 0) return monipy_logout(supervisor);
  if (strcmp(command, "call") == 0) return monipy_call(supervisor, first, NULL);
  if (strcmp(command, "answer") == 0) return monipy_answer(supervisor, 0);
  if (strcmp(command, "reject") == 0) return monipy_reject(supervisor, 0, 0);
  if (strcmp(command, "terminate") == 0) return monipy_terminate(supervisor, 0);
  if (strcmp(command, "hold") == 0) return monipy_hold(supervisor, 0);
  if (strcmp(command, "unhold") == 0) return monipy_unhold(supervisor, 0);
  if (strcmp(command, "mute") == 0) return monipy_mute(supervisor, 0);
  if (strcmp(command, "unmute") == 0) return monipy_unmute(supervisor, 0);
  if (strcmp(command, "dtmf") == 0) return monipy_send_dtmf(supervisor, 0, first, 0, 0);
  if (strcmp(command, "hear") == 0) return hear(supervisor, (unsigned)atoi(first), second);
  if (strcmp(command, "speak") == 0) return speak(supervisor, first);
  if (strcmp(command, "on_incoming") == 0) {
    snprintf(on_incoming, sizeof on_incoming, "%.15s", first);
    return MONIPY_OK;
  }
  return MONIPY_ERR_UNSUPPORTED;
}

int main(int argc, char **argv) {
  static const monipy_ice_server no_servers[1];
  char line[4096], command[64], first[2048], second[2048];
  monipy_callbacks callbacks = {.struct_size = sizeof callbacks, .on_event = on_event};
  monipy_supervisor *supervisor;
  monipy_config config;
  setvbuf(stdout, NULL, _IOLBF, 0);
  monipy_config_init(&config, sizeof config);
  config.server = argc > 1 ? argv[1] : NULL;
  config.ice_servers = no_servers; /* there, and empty: no STUN */
  config.local_address = "127.0.0.1";
  config.audio_mode = MONIPY_AUDIO_APPLICATION;
  config.sample_rate = RATE;
  config.reconnect_min_ms = 50;
  config.reconnect_max_ms = 300;
  for (int i = 2; i < argc; i++) {
    sscanf(argv[i], "ring_time=%u", &config.ring_time);
    sscanf(argv[i], "max_calls=%u", &config.max_calls);
  }
  if (monipy_supervisor_create(&config, &callbacks, &supervisor) != MONIPY_OK) {
    fprintf(stderr, "%s\n", monipy_last_error());
    return 1;
  }
  while (fgets(line, sizeof line, stdin) != NULL) {
    first[0] = second[0] = 0;
    if (sscanf(line, "%63s %2047s %2047s", command, first, second) < 1) continue;
    if (strcmp(command, "quit") == 0) break;
    reply(command, monipy_status_code(obey(supervisor, command, first, second)));
  }
  return monipy_supervisor_destroy(supervisor) == MONIPY_OK ? 0 : 1;
}
