/*
 * The Node-API face: open(libraryPath, pciDevicesPath), readDevices(library), readTopology(library),
 * waitForEvent(library, timeoutMs), close(library). Each answers a promise and works on a thread of Node's pool;
 * one reading and one wait at a time for a library, so a driver that hangs takes two threads and no more.
 */
#include <stdlib.h>
#include <string.h>

#include "answer.h"

/*
 * The main thread owns the flags. While `is_waiting`, `event_set` is the waiting task's; opening and closing have
 * the rest to themselves, a reading and a wait only read it.
 */
typedef struct {
  bool is_open;
  bool is_busy;
  bool is_waiting;
  nvml_library library;
  nvmlEventSet_t event_set;
  char pci_devices_path[PATH_BYTES_MAX];
} handle;

typedef enum { TASK_OPEN, TASK_READ, TASK_TOPOLOGY, TASK_WAIT, TASK_CLOSE } task_kind;

/* A wait ends after this time at the latest, so that closing never waits longer for it. */
enum { WAIT_MS_MAX = 10000 };

static const char *const task_names[] = {"nvml.open", "nvml.readDevices", "nvml.readTopology", "nvml.waitForEvent",
                                         "nvml.close"};

/* `kept` holds the handle's JavaScript value alive until the task is over. */
typedef struct {
  task_kind kind;
  handle *handle;
  napi_ref kept;
  napi_deferred deferred;
  napi_async_work work;
  char library_path[PATH_BYTES_MAX];
  open_report report;
  nvml_reading reading;
  topology_reading topology;
  unsigned int timeout_ms;
  event_reading event;
} task;

static const napi_type_tag handle_tag = {0x6f72726572792d6eULL, 0x766d6c2d68616e64ULL};

static napi_value open_call(napi_env env, napi_callback_info info);
static napi_value read_call(napi_env env, napi_callback_info info);
static napi_value topology_call(napi_env env, napi_callback_info info);
static napi_value wait_call(napi_env env, napi_callback_info info);
static napi_value close_call(napi_env env, napi_callback_info info);
static napi_value call_on(napi_env env, napi_callback_info info, task_kind kind);
static handle *parse_handle(napi_env env, napi_value value, task_kind kind);
static bool parse_timeout(napi_env env, napi_value value, unsigned int *timeout_ms);
static bool parse_path(napi_env env, napi_value value, const char *name, char *path);
static napi_value begin_task(napi_env env, task *task);
static bool *flag_of(const task *task);
static void execute(napi_env env, void *data);
static void complete(napi_env env, napi_status status, void *data);
static napi_status tell(napi_env env, const task *task, napi_value *answer);
static void reject(napi_env env, napi_deferred deferred);
static napi_status wrap(napi_env env, handle *handle, napi_value *value);
static void finalize(napi_env env, void *data, void *hint);
static void throw_failure(napi_env env);

NAPI_MODULE_INIT() {
  const napi_property_descriptor calls[] = {
      {"open", NULL, open_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readDevices", NULL, read_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"readTopology", NULL, topology_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"waitForEvent", NULL, wait_call, NULL, NULL, NULL, napi_enumerable, NULL},
      {"close", NULL, close_call, NULL, NULL, NULL, napi_enumerable, NULL},
  };
  if (napi_define_properties(env, exports, sizeof calls / sizeof calls[0], calls) != napi_ok) {
    throw_failure(env);
    return NULL;
  }
  return exports;
}

static napi_value open_call(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) {
    throw_failure(env);
    return NULL;
  }
  if (count != 2) {
    napi_throw_type_error(env, NULL, "open takes libraryPath and pciDevicesPath");
    return NULL;
  }
  task *task = calloc(1, sizeof *task);
  handle *handle = calloc(1, sizeof *handle);
  if (task == NULL || handle == NULL || !parse_path(env, arguments[0], "libraryPath", task->library_path) ||
      !parse_path(env, arguments[1], "pciDevicesPath", handle->pci_devices_path)) {
    if (task == NULL || handle == NULL) throw_failure(env);
    free(task);
    free(handle);
    return NULL;
  }
  task->kind = TASK_OPEN;
  task->handle = handle;
  napi_value value;
  if (wrap(env, handle, &value) != napi_ok || napi_create_reference(env, value, 1, &task->kept) != napi_ok) {
    free(task);
    throw_failure(env);
    return NULL;
  }
  return begin_task(env, task);
}

static napi_value read_call(napi_env env, napi_callback_info info) {
  return call_on(env, info, TASK_READ);
}

static napi_value topology_call(napi_env env, napi_callback_info info) {
  return call_on(env, info, TASK_TOPOLOGY);
}

static napi_value wait_call(napi_env env, napi_callback_info info) {
  return call_on(env, info, TASK_WAIT);
}

static napi_value close_call(napi_env env, napi_callback_info info) {
  return call_on(env, info, TASK_CLOSE);
}

static napi_value call_on(napi_env env, napi_callback_info info, task_kind kind) {
  size_t count = 3;
  napi_value arguments[3];
  unsigned int timeout_ms = 0;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) {
    throw_failure(env);
    return NULL;
  }
  if (count != (kind == TASK_WAIT ? 2 : 1)) {
    napi_throw_type_error(env, NULL,
                          kind == TASK_WAIT ? "takes the open library and timeoutMs"
                                            : "takes the open library and nothing else");
    return NULL;
  }
  if (kind == TASK_WAIT && !parse_timeout(env, arguments[1], &timeout_ms)) return NULL;
  handle *handle = parse_handle(env, arguments[0], kind);
  if (handle == NULL) return NULL;
  task *task = calloc(1, sizeof *task);
  if (task == NULL || napi_create_reference(env, arguments[0], 1, &task->kept) != napi_ok) {
    free(task);
    throw_failure(env);
    return NULL;
  }
  task->kind = kind;
  task->handle = handle;
  task->timeout_ms = timeout_ms;
  if (kind == TASK_CLOSE) handle->is_open = false;
  return begin_task(env, task);
}

/* Throws, and answers NULL, unless the value is one of our handles that is open and free for such a task. */
static handle *parse_handle(napi_env env, napi_value value, task_kind kind) {
  napi_valuetype type;
  bool is_ours = false;
  handle *handle = NULL;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external ||
      napi_check_object_type_tag(env, value, &handle_tag, &is_ours) != napi_ok || !is_ours ||
      napi_get_value_external(env, value, (void **)&handle) != napi_ok) {
    napi_throw_type_error(env, NULL, "not a library that open gave");
    return NULL;
  }
  if ((kind != TASK_WAIT && handle->is_busy) || ((kind == TASK_WAIT || kind == TASK_CLOSE) && handle->is_waiting)) {
    napi_throw_error(env, "ERR_NVML_BUSY", "a call on this library is under way");
    return NULL;
  }
  if (!handle->is_open) {
    napi_throw_error(env, "ERR_NVML_CLOSED", "this library is closed");
    return NULL;
  }
  return handle;
}

/* Throws, and answers false, unless the value is a whole number of 0 to WAIT_MS_MAX. */
static bool parse_timeout(napi_env env, napi_value value, unsigned int *timeout_ms) {
  napi_valuetype type;
  double number = 0;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_number ||
      napi_get_value_double(env, value, &number) != napi_ok) {
    napi_throw_type_error(env, NULL, "timeoutMs is not a number");
    return false;
  }
  if (!(number >= 0 && number <= WAIT_MS_MAX)) {
    napi_throw_range_error(env, NULL, "timeoutMs is not between 0 and 10000");
    return false;
  }
  *timeout_ms = (unsigned int)number;
  return true;
}

/* Throws, and answers false, unless the value is a string of 1 to PATH_BYTES_MAX - 1 bytes without a NUL. */
static bool parse_path(napi_env env, napi_value value, const char *name, char *path) {
  napi_valuetype type;
  size_t length = 0, copied = 0;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_string ||
      napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) {
    napi_throw_type_error(env, NULL, name[0] == 'l' ? "libraryPath is not a string" : "pciDevicesPath is not a string");
    return false;
  }
  if (length == 0 || length >= PATH_BYTES_MAX ||
      napi_get_value_string_utf8(env, value, path, PATH_BYTES_MAX, &copied) != napi_ok || strlen(path) != length) {
    napi_throw_range_error(env, NULL,
                           name[0] == 'l' ? "libraryPath is not a path" : "pciDevicesPath is not a path");
    return false;
  }
  return true;
}

/* Takes ownership of the task whether it succeeds or throws. */
static napi_value begin_task(napi_env env, task *task) {
  napi_value promise, resource_name;
  if (napi_create_string_utf8(env, task_names[task->kind], NAPI_AUTO_LENGTH, &resource_name) == napi_ok &&
      napi_create_async_work(env, NULL, resource_name, execute, complete, task, &task->work) == napi_ok &&
      napi_create_promise(env, &task->deferred, &promise) == napi_ok &&
      napi_queue_async_work(env, task->work) == napi_ok) {
    *flag_of(task) = true;
    return promise;
  }
  throw_failure(env);
  if (task->work != NULL) napi_delete_async_work(env, task->work);
  napi_delete_reference(env, task->kept);
  free(task);
  return NULL;
}

static bool *flag_of(const task *task) {
  return task->kind == TASK_WAIT ? &task->handle->is_waiting : &task->handle->is_busy;
}

static void execute(napi_env env, void *data) {
  (void)env;
  task *task = data;
  switch (task->kind) {
    case TASK_OPEN:
      open_library(&task->handle->library, task->library_path, &task->report);
      break;
    case TASK_READ:
      take_reading(&task->handle->library, task->handle->pci_devices_path, &task->reading);
      break;
    case TASK_TOPOLOGY:
      take_topology(&task->handle->library, &task->topology);
      break;
    case TASK_WAIT:
      wait_for_event(&task->handle->library, &task->handle->event_set, task->timeout_ms, &task->event);
      break;
    case TASK_CLOSE:
      stop_events(&task->handle->library, &task->handle->event_set);
      close_library(&task->handle->library);
      break;
  }
}

static void complete(napi_env env, napi_status status, void *data) {
  task *task = data;
  *flag_of(task) = false;
  if (task->kind == TASK_OPEN && status == napi_ok) task->handle->is_open = task->report.outcome == OPEN_SUCCEEDED;
  napi_value answer;
  if (status == napi_ok && tell(env, task, &answer) == napi_ok)
    napi_resolve_deferred(env, task->deferred, answer);
  else
    reject(env, task->deferred);
  discard_reading(&task->reading);
  discard_topology(&task->topology);
  napi_delete_reference(env, task->kept);
  napi_delete_async_work(env, task->work);
  free(task);
}

static napi_status tell(napi_env env, const task *task, napi_value *answer) {
  if (task->kind == TASK_READ) return answer_reading(env, &task->reading, answer);
  if (task->kind == TASK_TOPOLOGY) return answer_topology(env, &task->topology, answer);
  if (task->kind == TASK_WAIT) return answer_event(env, &task->event, answer);
  if (task->kind == TASK_CLOSE) return napi_get_undefined(env, answer);
  napi_value library;
  napi_status status = napi_get_reference_value(env, task->kept, &library);
  return status == napi_ok ? answer_open(env, &task->report, library, answer) : status;
}

static void reject(napi_env env, napi_deferred deferred) {
  bool is_pending = false;
  napi_value message, error;
  napi_is_exception_pending(env, &is_pending);
  if (is_pending && napi_get_and_clear_last_exception(env, &error) == napi_ok) {
    napi_reject_deferred(env, deferred, error);
  } else if (napi_create_string_utf8(env, "the task did not run", NAPI_AUTO_LENGTH, &message) == napi_ok &&
             napi_create_error(env, NULL, message, &error) == napi_ok) {
    napi_reject_deferred(env, deferred, error);
  }
}

/* On failure the handle is freed. */
static napi_status wrap(napi_env env, handle *handle, napi_value *value) {
  napi_status status = napi_create_external(env, handle, finalize, NULL, value);
  if (status != napi_ok) {
    free(handle);
    return status;
  }
  return napi_type_tag_object(env, *value, &handle_tag);
}

/* A library nobody closed is closed when its handle is collected; a task under way keeps the handle. */
static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  handle *handle = data;
  stop_events(&handle->library, &handle->event_set);
  close_library(&handle->library);
  free(handle);
}

static void throw_failure(napi_env env) {
  bool is_pending = false;
  if (napi_is_exception_pending(env, &is_pending) == napi_ok && !is_pending)
    napi_throw_error(env, NULL, "Node-API refused a call");
}
