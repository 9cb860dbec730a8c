/* A stand-in for libnvidia-ml.so.1: its calls, answered from the stage that a scenario has set (stage.c). */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "stage.h"

static const unsigned long long memory_total = 80ULL << 30U;
static const unsigned long long memory_used = 5ULL << 30U;
static const unsigned long long memory_reserved = 1ULL << 30U;

/* Events are told on another thread than devices are read on. */
static pthread_mutex_t stage_lock = PTHREAD_MUTEX_INITIALIZER;
static struct nvmlEventSet_st event_set;

/* What the scenario says of this call; delays are served here. */
static nvmlReturn_t cue(const char *call, int device) {
  if (stage.starts == 0) return NVML_ERROR_UNINITIALIZED;
  nvmlReturn_t status = NVML_SUCCESS;
  for (unsigned int index = 0; index < stage.rule_count; index++) {
    const rule *rule = &stage.rules[index];
    if (strcmp(rule->call, call) != 0 || (rule->device != EVERY && rule->device != device)) continue;
    if (rule->delay_ms > 0) {
      const struct timespec wait = {rule->delay_ms / 1000, rule->delay_ms % 1000 * 1000000};
      nanosleep(&wait, NULL);
    } else {
      status = rule->status;
    }
  }
  return status;
}

#define OBEY(device)                                                    \
  do {                                                                  \
    const nvmlReturn_t status = cue(__func__, device);                  \
    if (status != NVML_SUCCESS) return status;                          \
  } while (0)

static nvmlReturn_t start(const char *call) {
  if (stage.starts == 0 && !load_stage()) return NVML_ERROR_INVALID_ARGUMENT;
  stage.starts++;
  const nvmlReturn_t status = cue(call, EVERY);
  if (status != NVML_SUCCESS) stage.starts--;
  return status;
}

nvmlReturn_t nvmlInitWithFlags(unsigned int flags) {
  (void)flags;
  return start(__func__);
}

nvmlReturn_t nvmlInit_v2(void) { return start(__func__); }

nvmlReturn_t nvmlShutdown(void) {
  OBEY(EVERY);
  stage.starts--;
  return NVML_SUCCESS;
}

const char *nvmlErrorString(nvmlReturn_t status) {
  switch (status) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_FUNCTION_NOT_FOUND: return "Function Not Found";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    default: return "Unknown Error";
  }
}

nvmlReturn_t nvmlSystemGetDriverVersion(char *text, unsigned int length) {
  OBEY(EVERY);
  snprintf(text, length, "%s", stage.driver);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetNVMLVersion(char *text, unsigned int length) {
  OBEY(EVERY);
  snprintf(text, length, "12.%s", stage.driver);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *version) {
  OBEY(EVERY);
  *version = 12040;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) {
  pthread_mutex_lock(&stage_lock);
  count_on_stage();
  pthread_mutex_unlock(&stage_lock);
  OBEY(EVERY);
  *count = stage.device_count;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
  OBEY((int)index);
  if (index >= stage.device_count) return NVML_ERROR_INVALID_ARGUMENT;
  *device = &stage.devices[index];
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char *text, unsigned int length) {
  OBEY((int)device->index);
  if (device->is_instance)
    snprintf(text, length, "MIG-00000000-0000-0000-%04u-%012u", device->index, device->instance);
  else
    snprintf(text, length, "GPU-00000000-0000-0000-0000-%012u", device->index);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned int length) {
  OBEY((int)device->index);
  snprintf(text, length, device->is_instance ? "Orrery Stub GPU MIG %s" : "Orrery Stub GPU", device->profile);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t *pci) {
  OBEY((int)device->index);
  pci->domain = 0xfe;
  pci->bus = 0x3b + device->index;
  pci->device = 0;
  snprintf(pci->busId, sizeof pci->busId, "%08X:%02X:00.0", pci->domain, pci->bus);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
  OBEY((int)device->index);
  if (device->is_instance) {
    *memory = (nvmlMemory_t){device->memory, device->memory - (64ULL << 20U), 64ULL << 20U};
    return NVML_SUCCESS;
  }
  memory->total = memory_total;
  memory->used = memory_used + memory_reserved;
  memory->free = memory_total - memory->used;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t device, nvmlMemory_v2_t *memory) {
  OBEY((int)device->index);
  if (memory->version != NVML_MEMORY_V2_VERSION) return NVML_ERROR_INVALID_ARGUMENT;
  memory->total = memory_total;
  memory->reserved = memory_reserved;
  memory->used = memory_used;
  memory->free = memory_total - memory_used - memory_reserved;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *mode, unsigned int *pending) {
  OBEY((int)device->index);
  *mode = *pending = device->is_mig ? NVML_MIG_ENABLED : NVML_MIG_DISABLED;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
  OBEY((int)device->index);
  *major = 9;
  *minor = 0;
  return NVML_SUCCESS;
}

/* The first half of the devices sits at node 0, the rest at node 1. */
nvmlReturn_t nvmlDeviceGetMemoryAffinity(nvmlDevice_t device, unsigned int words, unsigned long *nodes,
                                         unsigned int scope) {
  OBEY((int)device->index);
  if (words == 0 || scope != NVML_AFFINITY_SCOPE_NODE) return NVML_ERROR_INVALID_ARGUMENT;
  nodes[0] = 1UL << (device->index * NODES / stage.device_count);
  return NVML_SUCCESS;
}

/* As the driver does, utilisation of a device that is cut into MIG instances is not told. */
nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t *rates) {
  OBEY((int)device->index);
  if (device->is_mig) return NVML_ERROR_NOT_SUPPORTED;
  rates->gpu = 10 + device->index;
  rates->memory = 5;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, unsigned int sensor, unsigned int *celsius) {
  OBEY((int)device->index);
  if (sensor != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
  *celsius = 40 + device->index;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int *milliwatts) {
  OBEY((int)device->index);
  *milliwatts = 120500;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int *milliwatts) {
  OBEY((int)device->index);
  *milliwatts = 700000;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int *least,
                                                          unsigned int *most) {
  OBEY((int)device->index);
  *least = 200000;
  *most = 700000;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *millijoules) {
  OBEY((int)device->index);
  *millijoules = 9000000000ULL + device->index;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, unsigned int threshold, unsigned int *celsius) {
  OBEY((int)device->index);
  *celsius = threshold == NVML_TEMPERATURE_THRESHOLD_SHUTDOWN ? 92 : 87;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, unsigned int type, unsigned int *megahertz) {
  OBEY((int)device->index);
  *megahertz = type == NVML_CLOCK_MEM ? 2619 : 345;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, unsigned int type, unsigned int *megahertz) {
  OBEY((int)device->index);
  *megahertz = type == NVML_CLOCK_MEM ? 2619 : 1980;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
  OBEY((int)device->index);
  *reasons = device->index == 0 ? 0x1 : 0x44;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, unsigned int *mode, unsigned int *pending) {
  OBEY((int)device->index);
  *mode = *pending = 1;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, unsigned int kind, unsigned int since,
                                         unsigned long long *count) {
  OBEY((int)device->index);
  *count = (kind == NVML_MEMORY_ERROR_CORRECTED ? 2 : 0) + (since == NVML_AGGREGATE_ECC ? 1 : 0);
  return NVML_SUCCESS;
}

#define COUNT_ANSWER(call, answer)                                     \
  nvmlReturn_t call(nvmlDevice_t device, unsigned int *amount) {      \
    OBEY((int)device->index);                                         \
    *amount = (answer);                                               \
    return NVML_SUCCESS;                                              \
  }
COUNT_ANSWER(nvmlDeviceGetCurrPcieLinkGeneration, 4)
COUNT_ANSWER(nvmlDeviceGetMaxPcieLinkGeneration, 5)
COUNT_ANSWER(nvmlDeviceGetCurrPcieLinkWidth, 8)
COUNT_ANSWER(nvmlDeviceGetMaxPcieLinkWidth, 16)
COUNT_ANSWER(nvmlDeviceGetMinorNumber, device->index)
COUNT_ANSWER(nvmlDeviceGetMaxMigDeviceCount, 7)
COUNT_ANSWER(nvmlDeviceGetGpuInstanceId, device->instance + 7)
COUNT_ANSWER(nvmlDeviceGetComputeInstanceId, 0)

nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t device, unsigned int place, nvmlDevice_t *instance) {
  OBEY((int)device->index);
  unsigned int found = 0;
  for (unsigned int index = 0; index < stage.instance_count; index++) {
    if (stage.instances[index].index != device->index || found++ != place) continue;
    *instance = &stage.instances[index];
    return NVML_SUCCESS;
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t *attributes) {
  OBEY((int)device->index);
  memset(attributes, 0, sizeof *attributes);
  attributes->multiprocessorCount = 16 * device->slices;
  attributes->gpuInstanceSliceCount = attributes->computeInstanceSliceCount = device->slices;
  attributes->memorySizeMB = device->memory >> 20U;
  return NVML_SUCCESS;
}

/* The number of the link at a device is its place among the links that touch it. */
static const unsigned int *find_link(unsigned int device, unsigned int link) {
  unsigned int found = 0;
  for (unsigned int index = 0; index < stage.link_count; index++) {
    const unsigned int left = stage.links[index].left, right = stage.links[index].right;
    if ((left != device && right != device) || found++ != link) continue;
    return left == device ? &stage.links[index].right : &stage.links[index].left;
  }
  return NULL;
}

nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t device, unsigned int link, unsigned int *is_active) {
  OBEY((int)device->index);
  *is_active = find_link(device->index, link) != NULL;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t device, unsigned int link, nvmlPciInfo_t *pci) {
  OBEY((int)device->index);
  const unsigned int *other = find_link(device->index, link);
  if (other == NULL) return NVML_ERROR_INVALID_ARGUMENT;
  pci->domain = 0xfe;
  pci->bus = 0x3b + *other;
  pci->device = 0;
  return NVML_SUCCESS;
}

/* Devices of one half share a host bridge; the halves meet over the system. */
nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t left, nvmlDevice_t right, unsigned int *level) {
  OBEY((int)left->index);
  const unsigned int left_node = left->index * NODES / stage.device_count;
  *level = left_node == right->index * NODES / stage.device_count ? 30 : 50;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long *kinds) {
  OBEY((int)device->index);
  *kinds = NVML_EVENT_XID | NVML_EVENT_DOUBLE_BIT_ECC | 0x10;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *set) {
  OBEY(EVERY);
  event_set.registered = 0;
  *set = &event_set;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long kinds, nvmlEventSet_t set) {
  OBEY((int)device->index);
  if ((kinds & 0x10) != 0) return NVML_ERROR_INVALID_ARGUMENT;
  set->registered++;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t *data, unsigned int timeout_ms) {
  OBEY(EVERY);
  if (set->registered == 0) return NVML_ERROR_INVALID_ARGUMENT;
  const struct timespec tick = {0, 1000000};
  for (unsigned int waited_ms = 0;; waited_ms++) {
    pthread_mutex_lock(&stage_lock);
    const int is_there = stage.events_told < stage.event_count;
    if (is_there) *data = stage.events[stage.events_told++];
    pthread_mutex_unlock(&stage_lock);
    if (is_there) return NVML_SUCCESS;
    if (waited_ms >= timeout_ms) return NVML_ERROR_TIMEOUT;
    nanosleep(&tick, NULL);
  }
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  set->registered = 0;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int *count,
                                                     nvmlProcessInfo_t *processes) {
  OBEY((int)device->index);
  const unsigned int room = *count;
  *count = 0;
  for (unsigned int index = 0; index < stage.process_count; index++) {
    if (stage.processes[index].device != device->index) continue;
    if (*count < room) processes[*count] = stage.processes[index].process;
    (*count)++;
  }
  return *count > room ? NVML_ERROR_INSUFFICIENT_SIZE : NVML_SUCCESS;
}
