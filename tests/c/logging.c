/* The log callback: one record at a time, freed exactly once, no secret in it. */
#include "check.h"

typedef struct {
  counter records, freed;
  atomic_int inside, overlaps, secrets;
  int replaces;
} sink;

static void freed(void *user_data) { counter_add(&((sink *)user_data)->freed, 1); }

static void on_log(void *user_data, const monipy_log_record *record) {
  sink *s = user_data;
  if (s->inside++ != 0) s->overlaps++;
  CHECK(record->level >= MONIPY_LOG_ERROR && record->level <= MONIPY_LOG_TRACE);
  CHECK(strlen(record->target) > 0);
  if (strstr(record->message, "hunter2") != NULL) s->secrets++;
  CHECK_IS(MONIPY_ERR_REENTRANT, monipy_shutdown(0));
  s->inside--;
  counter_add(&s->records, 1);
  if (s->replaces) CHECK_IS(MONIPY_OK, monipy_set_log_callback(NULL, NULL, NULL, 0));
}

#define SINK {COUNTER, COUNTER, 0, 0, 0, 0}

/* With debug set, every event is worth a record. */
static void make_noise(counter *until) {
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  config.debug = 1;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, NULL, &supervisor));
  provoke(supervisor);
  CHECK_IS(MONIPY_OK, monipy_login(supervisor, "1001", "hunter2"));
  counter_wait(until, 1);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static void records_come_one_at_a_time_and_hold_no_secret(void) {
  sink s = SINK;
  CHECK_IS(MONIPY_OK, monipy_set_log_callback(on_log, &s, freed, MONIPY_LOG_TRACE));
  make_noise(&s.records);
  CHECK_IS(0, counter_get(&s.freed));
  CHECK_IS(MONIPY_OK, monipy_set_log_callback(NULL, NULL, NULL, 0));
  CHECK_IS(1, counter_get(&s.freed));
  CHECK_IS(0, s.overlaps + s.secrets);
}

static void a_callback_may_take_itself_away(void) {
  sink s = SINK;
  s.replaces = 1;
  CHECK_IS(MONIPY_OK, monipy_set_log_callback(on_log, &s, freed, MONIPY_LOG_TRACE));
  make_noise(&s.freed);
  CHECK_IS(1, counter_get(&s.records));
  CHECK_IS(1, counter_get(&s.freed));
}

static void a_replaced_callback_is_freed_and_a_refused_one_is_not(void) {
  sink first = SINK, second = SINK, third = SINK;
  CHECK_IS(MONIPY_OK, monipy_set_log_callback(on_log, &first, freed, MONIPY_LOG_ERROR));
  CHECK_IS(MONIPY_OK, monipy_set_log_callback(on_log, &second, freed, MONIPY_LOG_WARN));
  CHECK_IS(1, counter_get(&first.freed));
  CHECK_IS(MONIPY_ERR_INVALID_ARGUMENT, monipy_set_log_callback(on_log, &third, freed, 77));
  CHECK_IS(0, counter_get(&third.freed));
  CHECK_IS(0, counter_get(&second.freed));
  CHECK_IS(MONIPY_OK, monipy_shutdown(10000));
  CHECK_IS(1, counter_get(&second.freed));
}

int main(void) {
  RUN(records_come_one_at_a_time_and_hold_no_secret);
  RUN(a_callback_may_take_itself_away);
  RUN(a_replaced_callback_is_freed_and_a_refused_one_is_not);
  return 0;
}
