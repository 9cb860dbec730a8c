#include "events.h"

#include <string.h>

static bool make_set(const nvml_library *library, nvmlEventSet_t *set, event_reading *event);
static unsigned int register_devices(const nvml_library *library, nvmlEventSet_t set);

void wait_for_event(const nvml_library *library, nvmlEventSet_t *set, unsigned int timeout_ms, event_reading *event) {
  memset(event, 0, sizeof *event);
  if (*set == NULL && !make_set(library, set, event)) return;
  nvmlEventData_t data = {0};
  nvmlReturn_t status = library->nvmlEventSetWait_v2(*set, &data, timeout_ms);
  if (status == NVML_ERROR_TIMEOUT) {
    event->outcome = EVENT_NONE;
    return;
  }
  if (status != NVML_SUCCESS) {
    event->outcome = EVENT_FAILED;
    note_fault(library, &event->failure, "nvmlEventSetWait_v2", status);
    stop_events(library, set);
    return;
  }
  event->outcome = EVENT_CAME;
  event->type = data.eventType;
  event->number = data.eventData;
  if (data.device == NULL || library->nvmlDeviceGetUUID(data.device, event->uuid, sizeof event->uuid) != NVML_SUCCESS)
    event->uuid[0] = '\0';
}

void stop_events(const nvml_library *library, nvmlEventSet_t *set) {
  if (*set != NULL) NVML_TRY(library, nvmlEventSetFree, *set);
  *set = NULL;
}

static bool make_set(const nvml_library *library, nvmlEventSet_t *set, event_reading *event) {
  nvmlReturn_t status = NVML_ERROR_FUNCTION_NOT_FOUND;
  if (library->nvmlEventSetWait_v2 != NULL && library->nvmlDeviceRegisterEvents != NULL)
    status = NVML_TRY(library, nvmlEventSetCreate, set);
  if (status == NVML_SUCCESS) {
    if (register_devices(library, *set) > 0) return true;
    stop_events(library, set);
    event->outcome = EVENT_NOT_SUPPORTED;
    return false;
  }
  *set = NULL;
  event->outcome = status == NVML_ERROR_NOT_SUPPORTED || status == NVML_ERROR_FUNCTION_NOT_FOUND
                       ? EVENT_NOT_SUPPORTED
                       : EVENT_FAILED;
  if (event->outcome == EVENT_FAILED) note_fault(library, &event->failure, "nvmlEventSetCreate", status);
  return false;
}

/* How many devices will tell; one that supports none of the kinds is passed over. */
static unsigned int register_devices(const nvml_library *library, nvmlEventSet_t set) {
  unsigned int count = 0, registered = 0;
  if (library->nvmlDeviceGetCount_v2(&count) != NVML_SUCCESS) return 0;
  for (unsigned int index = 0; index < count && index < DEVICES_MAX; index++) {
    nvmlDevice_t handle = NULL;
    unsigned long long kinds = 0;
    if (library->nvmlDeviceGetHandleByIndex_v2(index, &handle) != NVML_SUCCESS) continue;
    if (NVML_TRY(library, nvmlDeviceGetSupportedEventTypes, handle, &kinds) != NVML_SUCCESS) continue;
    kinds &= NVML_EVENT_XID | NVML_EVENT_SINGLE_BIT_ECC | NVML_EVENT_DOUBLE_BIT_ECC;
    if (kinds != 0 && library->nvmlDeviceRegisterEvents(handle, kinds, set) == NVML_SUCCESS) registered++;
  }
  return registered;
}
