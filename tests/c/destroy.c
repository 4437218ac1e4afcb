/* Rules 10, 11 and 12: the end of a handle. */
#include "check.h"

typedef struct {
  counter began, freed;
  counter *hold_until;
  atomic_int running, after_free;
  atomic_long events;
  monipy_supervisor *victim; /* what the callback destroys; NULL for itself */
  int destroys;
  monipy_status status;
} owner;

static void freed(void *user_data) {
  owner *o = user_data;
  if (o->running != 0) o->after_free++;
  counter_add(&o->freed, 1);
}

static void on_event(void *user_data, monipy_supervisor *supervisor, const monipy_event *event) {
  owner *o = user_data;
  (void)event;
  o->running++;
  if (counter_get(&o->freed) != 0) o->after_free++;
  o->events++;
  counter_add(&o->began, 1);
  if (o->hold_until != NULL) counter_wait(o->hold_until, 1);
  if (o->destroys) o->status = monipy_supervisor_destroy(o->victim ? o->victim : supervisor);
  o->running--;
}

#define OWNER {COUNTER, COUNTER, NULL, 0, 0, 0, NULL, 0, 99}
#define CALLBACKS(o) {sizeof(monipy_callbacks), 0, &(o), freed, on_event, NULL, NULL}

static counter release_one = COUNTER;
static owner outer = OWNER;
static atomic_int destroyed;

static void *destroy_it(void *supervisor) {
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  CHECK_IS(0, outer.running);
  CHECK_IS(1, counter_get(&outer.freed));
  destroyed = 1;
  return NULL;
}

static void outside_of_callbacks_it_waits_for_the_running_one(void) {
  pthread_t thread;
  outer.hold_until = &release_one;
  monipy_callbacks callbacks = CALLBACKS(outer);
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  for (int i = 0; i < 10; i++) provoke(supervisor);
  counter_wait(&outer.began, 1);
  CHECK_IS(0, pthread_create(&thread, NULL, destroy_it, supervisor));
  /* The handle is gone at once for everybody else, and the racing destroy does not wait. */
  while (monipy_is_logged_in(supervisor) == 0) sched_yield();
  CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_supervisor_destroy(supervisor));
  CHECK_IS(0, destroyed);
  counter_add(&release_one, 1);
  pthread_join(thread, NULL);
  CHECK_IS(1, destroyed);
  CHECK_IS(1, outer.events); /* nine waited; none was delivered later */
  CHECK_IS(0, outer.after_free);
}

static void inside_its_own_callback_that_call_is_the_last(void) {
  for (int round = 0; round < 50; round++) {
    owner o = OWNER;
    o.destroys = 1;
    monipy_callbacks callbacks = CALLBACKS(o);
    monipy_supervisor *supervisor = test_supervisor(&callbacks);
    /* The first event destroys the handle, perhaps before the next is provoked. */
    for (int i = 0; i < 5; i++) {
      monipy_status status = monipy_terminate(supervisor, 0);
      CHECK(status == MONIPY_ERR_INVALID_STATE || status == MONIPY_ERR_INVALID_HANDLE);
    }
    counter_wait(&o.freed, 1);
    CHECK_IS(MONIPY_OK, o.status);
    CHECK_IS(1, o.events);
    CHECK_IS(0, o.after_free);
    CHECK_IS(MONIPY_ERR_INVALID_HANDLE, monipy_supervisor_destroy(supervisor));
    CHECK_IS(1, counter_get(&o.freed));
  }
}

static void two_callbacks_may_destroy_each_others_handle(void) {
  for (int round = 0; round < 50; round++) {
    counter release = COUNTER;
    owner a = OWNER, b = OWNER;
    a.destroys = b.destroys = 1;
    a.hold_until = b.hold_until = &release;
    monipy_callbacks for_a = CALLBACKS(a), for_b = CALLBACKS(b);
    monipy_supervisor *first = test_supervisor(&for_a), *second = test_supervisor(&for_b);
    a.victim = second;
    b.victim = first;
    provoke(first);
    provoke(second);
    counter_wait(&a.began, 1);
    counter_wait(&b.began, 1);
    counter_add(&release, 1);
    counter_wait(&a.freed, 1);
    counter_wait(&b.freed, 1);
    CHECK_IS(MONIPY_OK, a.status);
    CHECK_IS(MONIPY_OK, b.status);
    CHECK_IS(0, a.after_free + b.after_free);
  }
}

static void destroying_another_handle_whose_callback_runs_returns_at_once(void) {
  counter release = COUNTER;
  owner busy = OWNER, killer = OWNER;
  busy.hold_until = &release;
  killer.destroys = 1;
  monipy_callbacks for_busy = CALLBACKS(busy), for_killer = CALLBACKS(killer);
  monipy_supervisor *victim = test_supervisor(&for_busy), *other = test_supervisor(&for_killer);
  killer.victim = victim;
  provoke(victim);
  counter_wait(&busy.began, 1);
  provoke(other);
  while (killer.status == 99) sched_yield(); /* returns although the victim's callback still runs */
  CHECK_IS(MONIPY_OK, killer.status);
  CHECK_IS(0, counter_get(&busy.freed));
  counter_add(&release, 1);
  counter_wait(&busy.freed, 1);
  CHECK_IS(0, busy.after_free);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(other));
  CHECK_IS(1, counter_get(&killer.freed));
}

static void user_data_is_freed_before_an_outside_destroy_returns(void) {
  owner o = OWNER;
  monipy_callbacks callbacks = CALLBACKS(o);
  monipy_supervisor *supervisor = test_supervisor(&callbacks);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(supervisor));
  CHECK_IS(1, counter_get(&o.freed));
}

static counter nested_freed = COUNTER;

static void nested_free(void *user_data) {
  /* A finaliser is a callback too: destroying another handle here returns at once. */
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(user_data));
  counter_add(&nested_freed, 1);
}

static void a_finaliser_may_destroy_another_handle(void) {
  owner o = OWNER;
  monipy_callbacks inner = CALLBACKS(o);
  monipy_supervisor *second = test_supervisor(&inner);
  monipy_callbacks callbacks = {sizeof callbacks, 0, second, nested_free, NULL, NULL, NULL};
  monipy_supervisor *first = test_supervisor(&callbacks);
  CHECK_IS(MONIPY_OK, monipy_supervisor_destroy(first));
  counter_wait(&nested_freed, 1);
  counter_wait(&o.freed, 1);
}

int main(void) {
  RUN(outside_of_callbacks_it_waits_for_the_running_one);
  RUN(inside_its_own_callback_that_call_is_the_last);
  RUN(two_callbacks_may_destroy_each_others_handle);
  RUN(destroying_another_handle_whose_callback_runs_returns_at_once);
  RUN(user_data_is_freed_before_an_outside_destroy_returns);
  RUN(a_finaliser_may_destroy_another_handle);
  return 0;
}
