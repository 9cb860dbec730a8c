#include "answer.h"

/* An object being built. After the first failure every further step does nothing, so one check at the end is enough. */
typedef struct {
  napi_env env;
  napi_status status;
  napi_value value;
} builder;

static const char *const outcomes[] = {"opened", "library-missing", "library-unusable", "init-failed"};

static builder begin(napi_env env);
static void put(builder *object, const char *key, napi_value value);
static void put_text(builder *object, const char *key, const char *text);
static void put_text_or_null(builder *object, const char *key, const char *text);
static void put_number(builder *object, const char *key, double number);
static void put_maybe(builder *object, const char *key, maybe_number number);
static void put_null(builder *object, const char *key);
static void put_fault(builder *object, const nvml_fault *fault);
static builder describe_device(napi_env env, unsigned int index, const device_reading *device);
static napi_value list_mig_devices(builder *object, const device_reading *device);
static napi_value list_processes(builder *object, const device_reading *device);
static napi_value list_faults(builder *object, const device_reading *device);
static builder describe_link(napi_env env, const link_reading *link);
static builder describe_pair(napi_env env, const pair_reading *pair);
static napi_value begin_list(builder *object);
static void append(builder *object, napi_value list, unsigned int index, const builder *element);

napi_status answer_reading(napi_env env, const nvml_reading *reading, napi_value *answer) {
  builder object = begin(env);
  if (reading->failure.status != NVML_SUCCESS) {
    put_text(&object, "outcome", "failed");
    put_fault(&object, &reading->failure);
  } else {
    put_text(&object, "outcome", "read");
    napi_value devices = begin_list(&object), unreadable = begin_list(&object);
    unsigned int device_count = 0, unreadable_count = 0;
    for (unsigned int index = 0; index < reading->device_count && object.status == napi_ok; index++) {
      napi_handle_scope scope;
      object.status = napi_open_handle_scope(env, &scope);
      if (object.status != napi_ok) break;
      const device_reading *device = &reading->devices[index];
      if (device->is_lost) {
        builder loss = begin(env);
        put_number(&loss, "index", index);
        put_fault(&loss, &device->loss);
        append(&object, unreadable, unreadable_count++, &loss);
      } else {
        builder described = describe_device(env, index, device);
        append(&object, devices, device_count++, &described);
      }
      napi_close_handle_scope(env, scope);
    }
    put(&object, "devices", devices);
    put(&object, "unreadable", unreadable);
  }
  *answer = object.value;
  return object.status;
}

napi_status answer_topology(napi_env env, const topology_reading *topology, napi_value *answer) {
  builder object = begin(env);
  if (topology->failure.status != NVML_SUCCESS) {
    put_text(&object, "outcome", "failed");
    put_fault(&object, &topology->failure);
  } else {
    put_text(&object, "outcome", "read");
    napi_value links = begin_list(&object), pairs = begin_list(&object);
    for (unsigned int index = 0; index < topology->link_count && object.status == napi_ok; index++) {
      builder described = describe_link(env, &topology->links[index]);
      append(&object, links, index, &described);
    }
    for (unsigned int index = 0; index < topology->pair_count && object.status == napi_ok; index++) {
      builder described = describe_pair(env, &topology->pairs[index]);
      append(&object, pairs, index, &described);
    }
    put(&object, "links", links);
    put(&object, "pairs", pairs);
  }
  *answer = object.value;
  return object.status;
}

napi_status answer_event(napi_env env, const event_reading *event, napi_value *answer) {
  static const char *const event_outcomes[] = {"event", "none", "not-supported", "failed"};
  builder object = begin(env);
  put_text(&object, "outcome", event_outcomes[event->outcome]);
  if (event->outcome == EVENT_FAILED) put_fault(&object, &event->failure);
  if (event->outcome == EVENT_CAME) {
    put_text_or_null(&object, "uuid", event->uuid);
    put_number(&object, "type", (double)event->type);
    put_number(&object, "number", (double)event->number);
  }
  *answer = object.value;
  return object.status;
}

napi_status answer_open(napi_env env, const open_report *report, napi_value library, napi_value *answer) {
  builder object = begin(env);
  put_text(&object, "outcome", outcomes[report->outcome]);
  if (report->outcome == OPEN_SUCCEEDED) {
    put(&object, "library", library);
    put_text_or_null(&object, "driver", report->driver);
    put_text_or_null(&object, "nvml", report->nvml);
    put_maybe(&object, "cuda", (maybe_number){.is_known = report->cuda > 0, .value = report->cuda});
  } else {
    put_number(&object, "status", report->status);
    put_text(&object, "reason", report->reason);
  }
  *answer = object.value;
  return object.status;
}

static builder describe_device(napi_env env, unsigned int index, const device_reading *device) {
  builder object = begin(env);
  put_number(&object, "index", index);
  put_text(&object, "uuid", device->uuid);
  put_text_or_null(&object, "name", device->name);
  put_text_or_null(&object, "pciBusId", device->bus_id);
#define PUT_NUMBER(field, key) put_maybe(&object, key, device->field);
  DEVICE_NUMBERS(PUT_NUMBER)
#undef PUT_NUMBER
  put(&object, "migDevices", list_mig_devices(&object, device));
  put(&object, "processes", list_processes(&object, device));
  put(&object, "faults", list_faults(&object, device));
  return object;
}

static napi_value list_mig_devices(builder *object, const device_reading *device) {
  napi_value list = begin_list(object);
  for (unsigned int index = 0; index < device->mig_count && object->status == napi_ok; index++) {
    const mig_reading *mig = &device->mig_devices[index];
    builder described = begin(object->env);
    put_text(&described, "uuid", mig->uuid);
    put_text_or_null(&described, "name", mig->name);
#define PUT_NUMBER(field, key) put_maybe(&described, key, mig->field);
    MIG_NUMBERS(PUT_NUMBER)
#undef PUT_NUMBER
    append(object, list, index, &described);
  }
  return list;
}

static napi_value list_processes(builder *object, const device_reading *device) {
  if (!device->has_processes) {
    napi_value null = NULL;
    if (object->status == napi_ok) object->status = napi_get_null(object->env, &null);
    return null;
  }
  napi_value list = begin_list(object);
  for (unsigned int index = 0; index < device->process_count && object->status == napi_ok; index++) {
    napi_handle_scope scope;
    object->status = napi_open_handle_scope(object->env, &scope);
    if (object->status != napi_ok) break;
    const nvmlProcessInfo_t *process = &device->processes[index];
    builder described = begin(object->env);
    put_number(&described, "pid", process->pid);
    put_maybe(&described, "memoryUsedBytes",
              (maybe_number){.is_known = process->usedGpuMemory != NVML_MEMORY_UNKNOWN,
                             .value = (double)process->usedGpuMemory});
    append(object, list, index, &described);
    napi_close_handle_scope(object->env, scope);
  }
  return list;
}

static builder describe_link(napi_env env, const link_reading *link) {
  builder object = begin(env);
  put_number(&object, "device", link->device);
  put_number(&object, "link", link->link);
  put_text_or_null(&object, "remotePciBusId", link->remote_bus_id);
  return object;
}

static builder describe_pair(napi_env env, const pair_reading *pair) {
  builder object = begin(env);
  put_number(&object, "left", pair->left);
  put_number(&object, "right", pair->right);
  put_number(&object, "level", pair->level);
  return object;
}

static napi_value list_faults(builder *object, const device_reading *device) {
  napi_value list = begin_list(object);
  for (unsigned int index = 0; index < device->fault_count; index++) {
    builder described = begin(object->env);
    put_fault(&described, &device->faults[index]);
    append(object, list, index, &described);
  }
  return list;
}

static void put_fault(builder *object, const nvml_fault *fault) {
  put_text(object, "call", fault->call);
  put_number(object, "status", fault->status);
  put_text(object, "reason", fault->reason);
}

static builder begin(napi_env env) {
  builder object = {.env = env};
  object.status = napi_create_object(env, &object.value);
  return object;
}

static napi_value begin_list(builder *object) {
  napi_value list = NULL;
  if (object->status == napi_ok) object->status = napi_create_array(object->env, &list);
  return list;
}

static void append(builder *object, napi_value list, unsigned int index, const builder *element) {
  if (object->status == napi_ok) object->status = element->status;
  if (object->status == napi_ok) object->status = napi_set_element(object->env, list, index, element->value);
}

static void put(builder *object, const char *key, napi_value value) {
  if (object->status == napi_ok)
    object->status = napi_set_named_property(object->env, object->value, key, value);
}

static void put_text(builder *object, const char *key, const char *text) {
  napi_value value = NULL;
  if (object->status == napi_ok)
    object->status = napi_create_string_utf8(object->env, text, NAPI_AUTO_LENGTH, &value);
  put(object, key, value);
}

static void put_text_or_null(builder *object, const char *key, const char *text) {
  if (text[0] == '\0')
    put_null(object, key);
  else
    put_text(object, key, text);
}

static void put_number(builder *object, const char *key, double number) {
  napi_value value = NULL;
  if (object->status == napi_ok) object->status = napi_create_double(object->env, number, &value);
  put(object, key, value);
}

static void put_maybe(builder *object, const char *key, maybe_number number) {
  if (number.is_known)
    put_number(object, key, number.value);
  else
    put_null(object, key);
}

static void put_null(builder *object, const char *key) {
  napi_value value = NULL;
  if (object->status == napi_ok) object->status = napi_get_null(object->env, &value);
  put(object, key, value);
}
