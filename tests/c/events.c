/* Rules 6, 7 and 8: how events come. Each failed terminate sends one event (error, 1002). */
#include "check.h"

typedef struct {
  counter seen;
  atomic_int inside, overlaps, out_of_order;
  uint64_t last_seq;
  pthread_t caller;
  atomic_int in_the_callers_call;
  counter *hold_until; /* NULL: return at once */
} listener;

static void hear(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  listener *l = user_data;
  (void)supervisor;
  if (atomic_fetch_add(&l->inside, 1) != 0) l->overlaps++;
  if (event->seq <= l->last_seq) l->out_of_order++;
  l->last_seq = event->seq;
  if (pthread_equal(pthread_self(), l->caller)) l->in_the_callers_call++;
  CHECK(event->struct_size >= sizeof *event);
  CHECK(event->name && event->status && event->reason && event->direction && event->whom && event->dtmf && event->json);
  CHECK(event->from && event->from_uri && event->call_id && event->team_name && event->to_number && event->transfer);
  CHECK_IS(0, strcmp(event->name, monipy_event_name(event->type)));
  if (l->hold_until != NULL) counter_wait(l->hold_until, 1);
  atomic_fetch_sub(&l->inside, 1);
  counter_add(&l->seen, 1);
}

#define LISTENER {COUNTER, 0, 0, 0, 0, pthread_self(), 0, NULL}

static void one_handles_events_come_one_at_a_time_and_in_order(void) {
  listener l = LISTENER;
  monipy_callbacks callbacks = {sizeof callbacks, 0, &l, NULL, hear, NULL, NULL};
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  for (int i = 0; i < 500; i++) provoke(supervisor);
  counter_wait(&l.seen, 500);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  CHECK_IS(0, l.overlaps);
  CHECK_IS(0, l.out_of_order);
  CHECK_IS(0, l.in_the_callers_call);
  CHECK_IS(500, l.last_seq);
}

static void a_slow_handler_delays_its_own_handle_alone(void) {
  counter release = COUNTER;
  listener slow = LISTENER, quick = LISTENER;
  slow.hold_until = &release;
  monipy_callbacks for_slow = {sizeof for_slow, 0, &slow, NULL, hear, NULL, NULL};
  monipy_callbacks for_quick = {sizeof for_quick, 0, &quick, NULL, hear, NULL, NULL};
  monipy_supervisor *a = test_supervisor(&for_slow), *b = test_supervisor(&for_quick);
  provoke(a);
  while (slow.inside == 0) sched_yield();
  /* Commands still work for the slow one, and the other's events flow. */
  for (int i = 0; i < 50; i++) {
    provoke(a);
    provoke(b);
  }
  counter_wait(&quick.seen, 50);
  CHECK_IS(0, counter_get(&slow.seen));
  counter_add(&release, 1);
  counter_wait(&slow.seen, 51);
  CHECK_IS(0, slow.overlaps + slow.out_of_order);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(a));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(b));
}

typedef struct {
  counter seen, overflows;
  counter *hold_until;
  atomic_long dropped;
} loser;

static void lose(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  loser *l = user_data;
  (void)supervisor;
  counter_wait(l->hold_until, 1);
  if (event->type == MONIPY_EVENT_OVERFLOW) {
    l->dropped += (long)event->dropped;
    counter_add(&l->overflows, 1);
  } else {
    counter_add(&l->seen, 1);
  }
}

static void what_is_dropped_is_counted_and_said(void) {
  counter release = COUNTER;
  loser l = {COUNTER, COUNTER, &release, 0};
  monipy_callbacks callbacks = {sizeof callbacks, 0, &l, NULL, lose, NULL, NULL};
  monipy_config config = test_config();
  monipy_supervisor *supervisor = NULL;
  config.event_queue = 16;
  CHECK_IS(MONIPY_OK, monipy_supervisor_create(&config, &callbacks, &supervisor));
  for (int i = 0; i < 200; i++) provoke(supervisor);
  counter_add(&release, 1);
  /* The notice comes with the next event that finds room. */
  while (counter_get(&l.overflows) == 0) {
    provoke(supervisor);
    sched_yield();
  }
  CHECK(l.dropped > 100);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

typedef struct {
  counter done;
  monipy_status shut, waited, second, logged_out, read;
} caller;

static void call_everything(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  caller *c = user_data;
  const monipy_event *none = NULL;
  int16_t pcm[8];
  (void)event;
  if (counter_get(&c->done) > 0) return;
  c->shut = monipy_shutdown(0);
  c->waited = monipy_wait_event(supervisor, UINT32_MAX, &none);
  c->logged_out = monipy_logout(supervisor);
  c->read = monipy_audio_read(supervisor, 0, pcm, 8, 5);
  monipy_supervisor *other = test_supervisor(NULL);
  provoke(other);
  c->second = monipy_supervisor_destroy(other);
  counter_add(&c->done, 1);
}

static void any_function_may_be_called_from_on_event_but_those_that_wait(void) {
  caller c = {COUNTER, 0, 0, 0, 0, 0};
  monipy_callbacks callbacks = {sizeof callbacks, 0, &c, NULL, call_everything, NULL, NULL};
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  provoke(supervisor);
  counter_wait(&c.done, 1);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  CHECK_IS(MONIPY_ERR_REENTRANT, c.shut);
  CHECK_IS(MONIPY_ERR_REENTRANT, c.waited);
  CHECK_IS(MONIPY_ERR_INVALID_STATE, c.logged_out);
  CHECK_IS(MONIPY_ERR_NO_SUCH_CALL, c.read);
  CHECK_IS(MONIPY_OK, c.second);
}

static void events_can_be_pulled(void) {
  monipy_supervisor *supervisor = test_supervisor(NULL);
  const monipy_event *event = (const monipy_event *)(uintptr_t)8;
  CHECK_IS(MONIPY_ERR_TIMEOUT, monipy_wait_event(supervisor, 0, &event));
  CHECK(event == NULL);
  for (uint64_t n = 1; n <= 20; n++) {
    provoke(supervisor);
    CHECK_IS(MONIPY_OK, monipy_wait_event(supervisor, UINT32_MAX, &event));
    CHECK_IS(n, event->seq);
    CHECK_IS(MONIPY_EVENT_ERROR, event->type);
    CHECK_IS(1002, event->code);
    CHECK(strstr(event->json, "\"event\":\"error\"") != NULL);
    monipy_event_free(event);
  }
  monipy_event_free(NULL);
  monipy_event_free(event); /* freed already: ignored */
  CHECK_IS(MONIPY_ERR_TIMEOUT, monipy_wait_event(supervisor, 1, &event));
  /* An event outlives its supervisor until it is given back. */
  provoke(supervisor);
  CHECK_IS(MONIPY_OK, monipy_wait_event(supervisor, UINT32_MAX, &event));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  CHECK_IS(0, strcmp(event->name, "error"));
  monipy_event_free(event);
}

static void pulling_from_a_handle_with_a_callback_is_refused(void) {
  listener l = LISTENER;
  monipy_callbacks callbacks = {sizeof callbacks, 0, &l, NULL, hear, NULL, NULL};
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  const monipy_event *event = NULL;
  CHECK_IS(MONIPY_ERR_INVALID_STATE, monipy_wait_event(supervisor, UINT32_MAX, &event));
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
}

static counter pulled = COUNTER;
static atomic_int waiting;

static void *pull(void *supervisor) {
  const monipy_event *event = NULL;
  monipy_status status;
  waiting++;
  while ((status = monipy_wait_event(supervisor, UINT32_MAX, &event)) == MONIPY_OK) {
    monipy_event_free(event);
    counter_add(&pulled, 1);
  }
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, status);
  return NULL;
}

static void several_threads_may_pull_and_destroy_wakes_them(void) {
  pthread_t thread[4];
  monipy_supervisor *supervisor = test_supervisor(NULL);
  for (int i = 0; i < 4; i++) CHECK_IS(0, pthread_create(&thread[i], NULL, pull, supervisor));
  for (int i = 0; i < 200; i++) provoke(supervisor);
  counter_wait(&pulled, 200);
  while (waiting < 4) sched_yield();
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  for (int i = 0; i < 4; i++) pthread_join(thread[i], NULL);
  CHECK_IS(200, counter_get(&pulled));
}

static void many_handles_need_few_threads(void) {
  static monipy_supervisor *many[200];
  static listener each[200];
  int before = threads();
  for (int i = 0; i < 200; i++) {
    listener fresh = LISTENER;
    each[i] = fresh;
    monipy_callbacks callbacks = {sizeof callbacks, 0, &each[i], NULL, hear, NULL, NULL};
    many[i] = test_supervisor(&callbacks);
  }
  for (int i = 0; i < 200; i++) provoke(many[i]);
  for (int i = 0; i < 200; i++) counter_wait(&each[i].seen, 1);
  printf("    200 handles: %d threads (%d before)\n", threads(), before);
  CHECK(threads() < 32);
  for (int i = 0; i < 200; i++) CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(many[i]));
}

int main(void) {
  RUN(one_handles_events_come_one_at_a_time_and_in_order);
  RUN(a_slow_handler_delays_its_own_handle_alone);
  RUN(what_is_dropped_is_counted_and_said);
  RUN(any_function_may_be_called_from_on_event_but_those_that_wait);
  RUN(events_can_be_pulled);
  RUN(pulling_from_a_handle_with_a_callback_is_refused);
  RUN(several_threads_may_pull_and_destroy_wakes_them);
  RUN(many_handles_need_few_threads);
  return 0;
}
