/* Rules 2, 3 and 13: a handle is checked, never followed. */
#include "check.h"

/* Every function that takes a supervisor, with a handle that is none. */
static void refuse_all(monipy_supervisor *bad) {
  char text[8];
  size_t size = 0;
  int16_t pcm[160] = {0};
  monipy_call_id id = 0;
  monipy_call_info info;
  monipy_stats stats;
  const monipy_event *event = NULL;
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_login(bad, "id", "secret"));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_logout(bad));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_logged_in(bad));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_connected(bad));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_wait_event(bad, 0, &event));
  CHECK(event == NULL);
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call(bad, "100", &id));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_answer(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_reject(bad, 0, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_reject(bad, 0, -7));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_terminate(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_hold(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_unhold(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_mute(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_unmute(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_send_dtmf(bad, 0, "1", 0, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call_state(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_on_hold(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_muted(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call_get_info(bad, 0, &info, sizeof info));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call_list(bad, &id, 1, &size));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call_text(bad, 0, MONIPY_TEXT_FROM, text, sizeof text, &size));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call_header(bad, 0, "X-A", text, sizeof text, &size));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_call_stats(bad, 0, &stats, sizeof stats));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_audio_read(bad, 0, pcm, 160, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_audio_write(bad, 0, pcm, 160, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_audio_clear(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_audio_queued_ms(bad, 0));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_audio_dropped(bad, 0));
  CHECK(strlen(monipy_last_error()) > 10);
}

static void null_and_garbage_are_refused(void) {
  int on_the_stack = 0;
  refuse_all(NULL);
  refuse_all((monipy_supervisor *)(uintptr_t)1);
  refuse_all((monipy_supervisor *)(uintptr_t)0xdeadbeefu);
  refuse_all((monipy_supervisor *)(uintptr_t)0xdeadbee1u);
  refuse_all((monipy_supervisor *)UINTPTR_MAX);
  refuse_all((monipy_supervisor *)&on_the_stack);
}

static void destroying_null_is_fine(void) {
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(NULL));
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_supervisor_destroy((monipy_supervisor *)(uintptr_t)0x1235));
}

static void a_destroyed_handle_stays_invalid_when_its_place_is_used_again(void) {
  monipy_supervisor *first = test_supervisor(NULL);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(first));
  refuse_all(first);
  for (int i = 0; i < 100; i++) {
    monipy_supervisor *next = test_supervisor(NULL);
    CHECK(next != first);
    CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_is_logged_in(first));
    CHECK_IS(0, monipy_is_logged_in(next));
    CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(next));
  }
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_supervisor_destroy(first));
}

static void free_and_fail(void *user_data) {
  (void)user_data;
  fprintf(stderr, "user_data_free was called although create failed\n");
  abort();
}

static void a_failed_create_gives_null_and_does_not_free_user_data(void) {
  monipy_config config = test_config();
  monipy_callbacks callbacks = {sizeof callbacks, 0, &config, free_and_fail, NULL, NULL, NULL};
  monipy_supervisor *out = (monipy_supervisor *)(uintptr_t)0x77;
  config.server = "http://example.com";
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, &callbacks, &out));
  CHECK(out == NULL);
  CHECK(strstr(monipy_last_error(), "server") != NULL);
  out = (monipy_supervisor *)(uintptr_t)0x77;
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(NULL, &callbacks, &out));
  CHECK(out == NULL);
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_supervisor_create(&config, &callbacks, NULL));
}

static void create_copies_all_it_is_given(void) {
  char server[] = "ws://127.0.0.1:9", name[] = "Ada";
  monipy_header *headers = malloc(sizeof *headers);
  char *value = strdup("v");
  headers->name = "X-A";
  headers->value = value;
  monipy_config config = test_config();
  config.server = server;
  config.name = name;
  config.invite_headers = headers;
  config.invite_headers_count = 1;
  monipy_supervisor *supervisor = NULL;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, NULL, &supervisor));
  memset(server, 'x', sizeof server - 1);
  memset(name, 'x', sizeof name - 1);
  memset(&config, 0xff, sizeof config);
  free(value);
  free(headers);
  CHECK_IS(0, monipy_is_logged_in(supervisor));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static counter ready = COUNTER;
static monipy_supervisor *contested;
static atomic_int winners, losers;

static void *race(void *argument) {
  (void)argument;
  counter_add(&ready, 1);
  counter_wait(&ready, 4);
  monipy_status status = monipy_supervisor_destroy(contested);
  if (status == MONIPY_OK) winners++;
  if (status == MONIPY_ERR_INVALID_HANDLE) losers++;
  return NULL;
}

static void of_racing_destroys_one_wins(void) {
  for (int round = 0; round < 50; round++) {
    pthread_t thread[4];
    contested = test_supervisor(NULL);
    winners = losers = 0;
    ready.value = 0;
    for (int i = 0; i < 4; i++) CHECK_IS(0, pthread_create(&thread[i], NULL, race, NULL));
    for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
    CHECK_IS(1, winners);
    CHECK_IS(3, losers);
  }
}

int main(void) {
  RUN(null_and_garbage_are_refused);
  RUN(destroying_null_is_fine);
  RUN(a_destroyed_handle_stays_invalid_when_its_place_is_used_again);
  RUN(a_failed_create_gives_null_and_does_not_free_user_data);
  RUN(create_copies_all_it_is_given);
  RUN(of_racing_destroys_one_wins);
  return 0;
}
