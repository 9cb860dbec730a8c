/*
 * A stand-in for libnvidia-ml.so.1 that plays the scenario in the file ORRERY_NVML_STUB names, read at each init
 * (none: one healthy device). A line is one of
 *   devices COUNT            driver TEXT             mig DEVICE
 *   answer CALL STATUS [DEVICE]                      that call (nvmlInitWithFlags too) answers STATUS
 *   delay CALL MILLISECONDS                          that call takes this long
 *   process DEVICE PID BYTES                         BYTES -1: not told
 *   processes DEVICE COUNT                           that many, pids from 1000
 * and anything else makes init fail with "invalid argument", so that a misspelt scenario is seen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../nvml-abi.h"

enum { DEVICES = 128, RULES = 64, PROCESSES = 8192, NODES = 2, EVERY = -1 };

static const unsigned long long memory_total = 80ULL << 30U;
static const unsigned long long memory_used = 5ULL << 30U;
static const unsigned long long memory_reserved = 1ULL << 30U;

typedef struct {
  char call[64];
  int device;
  nvmlReturn_t status;
  long delay_ms;
} rule;

struct nvmlDevice_st {
  unsigned int index;
  int is_mig;
};

typedef struct {
  unsigned int device;
  nvmlProcessInfo_t process;
} placed_process;

static struct {
  int starts;
  unsigned int device_count, rule_count, process_count;
  char driver[NVML_VERSION_BYTES];
  struct nvmlDevice_st devices[DEVICES];
  rule rules[RULES];
  placed_process processes[PROCESSES];
} stage;

static int load(void);
static int play(const char *line);
static int place(unsigned int device, unsigned int pid, long long bytes);

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
  if (stage.starts == 0 && !load()) return NVML_ERROR_INVALID_ARGUMENT;
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
  snprintf(text, length, "GPU-00000000-0000-0000-0000-%012u", device->index);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *text, unsigned int length) {
  OBEY((int)device->index);
  snprintf(text, length, "Orrery Stub GPU");
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

static int load(void) {
  memset(&stage, 0, sizeof stage);
  stage.device_count = 1;
  snprintf(stage.driver, sizeof stage.driver, "550.54.15");
  for (unsigned int index = 0; index < DEVICES; index++) stage.devices[index].index = index;
  const char *path = getenv("ORRERY_NVML_STUB");
  if (path == NULL) return 1;
  FILE *file = fopen(path, "re");
  if (file == NULL) return 0;
  char line[256];
  int is_sound = 1;
  while (is_sound && fgets(line, sizeof line, file) != NULL) is_sound = line[0] == '\n' || play(line);
  fclose(file);
  return is_sound;
}

static int play(const char *line) {
  unsigned int device, count, pid;
  long long bytes;
  rule rule = {.device = EVERY};
  if (sscanf(line, "driver %79s", stage.driver) == 1) return 1;
  if (sscanf(line, "devices %u", &count) == 1) {
    stage.device_count = count;
    return count <= DEVICES;
  }
  if (sscanf(line, "mig %u", &device) == 1 && device < DEVICES) {
    stage.devices[device].is_mig = 1;
    return 1;
  }
  if (sscanf(line, "process %u %u %lld", &device, &pid, &bytes) == 3) return place(device, pid, bytes);
  if (sscanf(line, "processes %u %u", &device, &count) == 2) {
    int is_placed = 1;
    for (unsigned int index = 0; is_placed && index < count; index++)
      is_placed = place(device, 1000 + index, 1 << 20);
    return is_placed;
  }
  if (sscanf(line, "answer %63s %d %d", rule.call, &rule.status, &rule.device) < 2 &&
      sscanf(line, "delay %63s %ld", rule.call, &rule.delay_ms) != 2)
    return 0;
  if (stage.rule_count == RULES) return 0;
  stage.rules[stage.rule_count++] = rule;
  return 1;
}

static int place(unsigned int device, unsigned int pid, long long bytes) {
  if (stage.process_count == PROCESSES) return 0;
  stage.processes[stage.process_count++] =
      (placed_process){device, {pid, (unsigned long long)bytes, ~0U, ~0U}};
  return 1;
}
