#include "reading.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODE_WORDS = 16, NODE_BITS = sizeof(unsigned long) * CHAR_BIT };

typedef struct {
  const nvml_library *library;
  const char *pci_devices_path;
  nvmlDevice_t handle;
  device_reading *device;
} look;

static void read_device(look *look, unsigned int index);
static void read_identity(look *look);
static void read_memory(look *look);
static void read_numa_node(look *look);
static void read_load(look *look);
static void read_power(look *look);
static void read_clocks(look *look);
static void read_errors(look *look);
static void read_pcie(look *look);
static void read_mig_devices(look *look);
static void read_mig_device(look *look, nvmlDevice_t handle, mig_reading *mig);
static void read_processes(look *look);
static bool answered(look *look, const char *call, nvmlReturn_t status);
static maybe_number known(double value);

/* Asks one thing of the device; what it has no answer for stays unknown. */
#define ASK(look, name, ...) \
  answered((look), #name, NVML_TRY((look)->library, name, (look)->handle, __VA_ARGS__))

void take_reading(const nvml_library *library, const char *pci_devices_path, nvml_reading *reading) {
  memset(reading, 0, sizeof *reading);
  unsigned int count = 0;
  nvmlReturn_t status = library->nvmlDeviceGetCount_v2(&count);
  if (status != NVML_SUCCESS) {
    note_fault(library, &reading->failure, "nvmlDeviceGetCount_v2", status);
    return;
  }
  if (count > DEVICES_MAX) {
    note_fault(library, &reading->failure, "nvmlDeviceGetCount_v2", NVML_ERROR_INSUFFICIENT_SIZE);
    snprintf(reading->failure.reason, sizeof reading->failure.reason, "%u devices; %d is the limit", count,
             DEVICES_MAX);
    return;
  }
  if (count == 0) return;
  reading->devices = calloc(count, sizeof *reading->devices);
  if (reading->devices == NULL) {
    note_fault(library, &reading->failure, "calloc", NVML_ERROR_MEMORY);
    return;
  }
  reading->device_count = count;
  for (unsigned int index = 0; index < count; index++) {
    look look = {library, pci_devices_path, NULL, &reading->devices[index]};
    read_device(&look, index);
  }
}

void discard_reading(nvml_reading *reading) {
  for (unsigned int index = 0; index < reading->device_count; index++)
    free(reading->devices[index].processes);
  free(reading->devices);
  memset(reading, 0, sizeof *reading);
}

static void read_device(look *look, unsigned int index) {
  device_reading *device = look->device;
  nvmlReturn_t status = look->library->nvmlDeviceGetHandleByIndex_v2(index, &look->handle);
  const char *call = "nvmlDeviceGetHandleByIndex_v2";
  if (status == NVML_SUCCESS) {
    call = "nvmlDeviceGetUUID";
    status = look->library->nvmlDeviceGetUUID(look->handle, device->uuid, sizeof device->uuid);
  }
  if (status != NVML_SUCCESS) {
    device->is_lost = true;
    note_fault(look->library, &device->loss, call, status);
    return;
  }
  read_identity(look);
  read_memory(look);
  read_numa_node(look);
  read_load(look);
  read_power(look);
  read_clocks(look);
  read_errors(look);
  read_pcie(look);
  read_processes(look);
  if (device->mig_mode.is_known && device->mig_mode.value == NVML_MIG_ENABLED) read_mig_devices(look);
}

void write_bus_id(char text[BUS_ID_BYTES], const nvmlPciInfo_t *pci) {
  snprintf(text, BUS_ID_BYTES, "%04x:%02x:%02x.0", pci->domain, pci->bus, pci->device);
}

static void read_identity(look *look) {
  device_reading *device = look->device;
  if (!ASK(look, nvmlDeviceGetName, device->name, sizeof device->name)) device->name[0] = '\0';
  nvmlPciInfo_t pci = {0};
  if (ASK(look, nvmlDeviceGetPciInfo_v3, &pci)) write_bus_id(device->bus_id, &pci);
  unsigned int minor_number = 0;
  if (ASK(look, nvmlDeviceGetMinorNumber, &minor_number)) device->minor_number = known(minor_number);
  int major = 0, minor = 0;
  if (ASK(look, nvmlDeviceGetCudaComputeCapability, &major, &minor)) {
    device->compute_major = known(major);
    device->compute_minor = known(minor);
  }
  unsigned int mode = 0, pending = 0;
  if (ASK(look, nvmlDeviceGetMigMode, &mode, &pending)) device->mig_mode = known(mode);
}

/* The second version counts what the driver keeps for itself apart from what is used, as nvidia-smi does. */
static void read_memory(look *look) {
  device_reading *device = look->device;
  nvmlMemory_v2_t memory = {.version = NVML_MEMORY_V2_VERSION};
  nvmlReturn_t status = NVML_TRY(look->library, nvmlDeviceGetMemoryInfo_v2, look->handle, &memory);
  if (status == NVML_ERROR_FUNCTION_NOT_FOUND) {
    nvmlMemory_t older = {0};
    if (!ASK(look, nvmlDeviceGetMemoryInfo, &older)) return;
    memory.total = older.total;
    memory.used = older.used;
    memory.free = older.free;
  } else if (!answered(look, "nvmlDeviceGetMemoryInfo_v2", status)) {
    return;
  }
  device->memory_total = known((double)memory.total);
  device->memory_used = known((double)memory.used);
  device->memory_free = known((double)memory.free);
}

/* The kernel's word first (-1: it has none), then NVML's when it names exactly one node. */
static void read_numa_node(look *look) {
  device_reading *device = look->device;
  if (device->bus_id[0] != '\0') {
    char path[PATH_BYTES_MAX + BUS_ID_BYTES + sizeof "//numa_node"];
    snprintf(path, sizeof path, "%s/%s/numa_node", look->pci_devices_path, device->bus_id);
    FILE *file = fopen(path, "re");
    int node = -1;
    if (file != NULL) {
      if (fscanf(file, "%d", &node) != 1) node = -1;
      fclose(file);
    }
    if (node >= 0) {
      device->numa_node = known(node);
      return;
    }
  }
  unsigned long nodes[NODE_WORDS] = {0};
  if (!ASK(look, nvmlDeviceGetMemoryAffinity, NODE_WORDS, nodes, NVML_AFFINITY_SCOPE_NODE)) return;
  int nodes_named = 0, last = 0;
  for (int node = 0; node < NODE_WORDS * NODE_BITS; node++) {
    if ((nodes[node / NODE_BITS] >> (node % NODE_BITS) & 1UL) == 0) continue;
    nodes_named++;
    last = node;
  }
  if (nodes_named == 1) device->numa_node = known(last);
}

static void read_load(look *look) {
  device_reading *device = look->device;
  nvmlUtilization_t utilization = {0};
  if (ASK(look, nvmlDeviceGetUtilizationRates, &utilization)) {
    device->gpu_percent = known(utilization.gpu);
    device->memory_percent = known(utilization.memory);
  }
  unsigned int amount = 0;
  if (ASK(look, nvmlDeviceGetTemperature, NVML_TEMPERATURE_GPU, &amount)) device->temperature = known(amount);
  if (ASK(look, nvmlDeviceGetTemperatureThreshold, NVML_TEMPERATURE_THRESHOLD_SLOWDOWN, &amount))
    device->temperature_slowdown = known(amount);
  if (ASK(look, nvmlDeviceGetTemperatureThreshold, NVML_TEMPERATURE_THRESHOLD_SHUTDOWN, &amount))
    device->temperature_shutdown = known(amount);
}

static void read_power(look *look) {
  device_reading *device = look->device;
  unsigned int amount = 0, most = 0;
  unsigned long long energy = 0;
  if (ASK(look, nvmlDeviceGetPowerUsage, &amount)) device->power = known(amount);
  if (ASK(look, nvmlDeviceGetEnforcedPowerLimit, &amount)) device->power_limit = known(amount);
  if (ASK(look, nvmlDeviceGetPowerManagementLimitConstraints, &amount, &most)) {
    device->power_limit_min = known(amount);
    device->power_limit_max = known(most);
  }
  if (ASK(look, nvmlDeviceGetTotalEnergyConsumption, &energy)) device->energy = known((double)energy);
}

static void read_clocks(look *look) {
  device_reading *device = look->device;
  const struct {
    unsigned int type;
    maybe_number *now, *most;
  } clocks[] = {
      {NVML_CLOCK_GRAPHICS, &device->graphics_clock, &device->graphics_clock_max},
      {NVML_CLOCK_SM, &device->sm_clock, &device->sm_clock_max},
      {NVML_CLOCK_MEM, &device->memory_clock, &device->memory_clock_max},
  };
  for (size_t index = 0; index < sizeof clocks / sizeof clocks[0]; index++) {
    unsigned int megahertz = 0;
    if (ASK(look, nvmlDeviceGetClockInfo, clocks[index].type, &megahertz)) *clocks[index].now = known(megahertz);
    if (ASK(look, nvmlDeviceGetMaxClockInfo, clocks[index].type, &megahertz)) *clocks[index].most = known(megahertz);
  }
  unsigned long long reasons = 0;
  if (ASK(look, nvmlDeviceGetCurrentClocksThrottleReasons, &reasons))
    device->throttle_bits = known((double)reasons);
}

static void read_errors(look *look) {
  device_reading *device = look->device;
  unsigned int mode = 0, pending = 0;
  if (!ASK(look, nvmlDeviceGetEccMode, &mode, &pending)) return;
  device->ecc_mode = known(mode);
  if (mode == 0) return;
  const struct {
    unsigned int kind, since;
    maybe_number *count;
  } counters[] = {
      {NVML_MEMORY_ERROR_CORRECTED, NVML_VOLATILE_ECC, &device->ecc_corrected},
      {NVML_MEMORY_ERROR_UNCORRECTED, NVML_VOLATILE_ECC, &device->ecc_uncorrected},
      {NVML_MEMORY_ERROR_CORRECTED, NVML_AGGREGATE_ECC, &device->ecc_corrected_ever},
      {NVML_MEMORY_ERROR_UNCORRECTED, NVML_AGGREGATE_ECC, &device->ecc_uncorrected_ever},
  };
  for (size_t index = 0; index < sizeof counters / sizeof counters[0]; index++) {
    unsigned long long count = 0;
    if (ASK(look, nvmlDeviceGetTotalEccErrors, counters[index].kind, counters[index].since, &count))
      *counters[index].count = known((double)count);
  }
}

static void read_pcie(look *look) {
  device_reading *device = look->device;
  unsigned int amount = 0;
  if (ASK(look, nvmlDeviceGetCurrPcieLinkGeneration, &amount)) device->pcie_generation = known(amount);
  if (ASK(look, nvmlDeviceGetMaxPcieLinkGeneration, &amount)) device->pcie_generation_max = known(amount);
  if (ASK(look, nvmlDeviceGetCurrPcieLinkWidth, &amount)) device->pcie_width = known(amount);
  if (ASK(look, nvmlDeviceGetMaxPcieLinkWidth, &amount)) device->pcie_width_max = known(amount);
}

/* Places may be empty between instances that exist: such a one answers "not found" and is passed over. */
static void read_mig_devices(look *look) {
  device_reading *device = look->device;
  unsigned int count = 0;
  if (!ASK(look, nvmlDeviceGetMaxMigDeviceCount, &count)) return;
  for (unsigned int index = 0; index < count && device->mig_count < MIG_DEVICES_MAX; index++) {
    nvmlDevice_t handle = NULL;
    nvmlReturn_t status =
        NVML_TRY(look->library, nvmlDeviceGetMigDeviceHandleByIndex, look->handle, index, &handle);
    if (status == NVML_ERROR_NOT_FOUND || !answered(look, "nvmlDeviceGetMigDeviceHandleByIndex", status)) continue;
    mig_reading *mig = &device->mig_devices[device->mig_count];
    status = look->library->nvmlDeviceGetUUID(handle, mig->uuid, sizeof mig->uuid);
    if (!answered(look, "nvmlDeviceGetUUID", status)) continue;
    read_mig_device(look, handle, mig);
    device->mig_count++;
  }
}

static void read_mig_device(look *look, nvmlDevice_t handle, mig_reading *mig) {
  const nvml_library *library = look->library;
  unsigned int id = 0;
  nvmlDeviceAttributes_t attributes = {0};
  nvmlMemory_t memory = {0};
  if (!answered(look, "nvmlDeviceGetName", NVML_TRY(library, nvmlDeviceGetName, handle, mig->name, sizeof mig->name)))
    mig->name[0] = '\0';
  if (answered(look, "nvmlDeviceGetGpuInstanceId", NVML_TRY(library, nvmlDeviceGetGpuInstanceId, handle, &id)))
    mig->gpu_instance = known(id);
  if (answered(look, "nvmlDeviceGetComputeInstanceId", NVML_TRY(library, nvmlDeviceGetComputeInstanceId, handle, &id)))
    mig->compute_instance = known(id);
  if (answered(look, "nvmlDeviceGetAttributes_v2", NVML_TRY(library, nvmlDeviceGetAttributes_v2, handle, &attributes))) {
    mig->multiprocessors = known(attributes.multiprocessorCount);
    mig->gpu_slices = known(attributes.gpuInstanceSliceCount);
    mig->compute_slices = known(attributes.computeInstanceSliceCount);
  }
  if (answered(look, "nvmlDeviceGetMemoryInfo", NVML_TRY(library, nvmlDeviceGetMemoryInfo, handle, &memory))) {
    mig->memory_total = known((double)memory.total);
    mig->memory_used = known((double)memory.used);
  }
}

/* The list may grow between being told its length and being read: asked again, a limited number of times. */
static void read_processes(look *look) {
  device_reading *device = look->device;
  const nvml_library *library = look->library;
  const char *call = "nvmlDeviceGetComputeRunningProcesses_v3";
  nvmlReturn_t (*list)(nvmlDevice_t, unsigned int *, nvmlProcessInfo_t *) =
      library->nvmlDeviceGetComputeRunningProcesses_v3;
  if (list == NULL) {
    call = "nvmlDeviceGetComputeRunningProcesses_v2";
    list = library->nvmlDeviceGetComputeRunningProcesses_v2;
  }
  nvmlReturn_t status = NVML_ERROR_FUNCTION_NOT_FOUND;
  unsigned int room = PROCESSES_EXPECTED, count = 0;
  for (int query = 0; list != NULL && query < PROCESS_QUERIES_MAX; query++) {
    nvmlProcessInfo_t *grown = realloc(device->processes, room * sizeof *grown);
    if (grown == NULL) {
      status = NVML_ERROR_MEMORY;
      break;
    }
    device->processes = grown;
    count = room;
    status = list(look->handle, &count, grown);
    if (status != NVML_ERROR_INSUFFICIENT_SIZE || count > PROCESSES_MAX) break;
    room = count > room ? count + count / 4 : room * 2;
    if (room > PROCESSES_MAX) room = PROCESSES_MAX;
  }
  if (!answered(look, call, status)) return;
  device->process_count = count < room ? count : room;
  device->has_processes = true;
}

/* "Not supported" is an answer. Any other refusal is kept beside the reading; a lost GPU voids it. */
static bool answered(look *look, const char *call, nvmlReturn_t status) {
  device_reading *device = look->device;
  switch (status) {
    case NVML_SUCCESS:
      return true;
    case NVML_ERROR_NOT_SUPPORTED:
    case NVML_ERROR_FUNCTION_NOT_FOUND:
      return false;
    case NVML_ERROR_GPU_IS_LOST:
      if (!device->is_lost) note_fault(look->library, &device->loss, call, status);
      device->is_lost = true;
      return false;
    default:
      if (device->fault_count < FAULTS_MAX)
        note_fault(look->library, &device->faults[device->fault_count++], call, status);
      return false;
  }
}

void note_fault(const nvml_library *library, nvml_fault *fault, const char *call, nvmlReturn_t status) {
  fault->call = call;
  fault->status = status;
  snprintf(fault->reason, sizeof fault->reason, "%s", status_text(library, status));
}

static maybe_number known(double value) {
  return (maybe_number){.is_known = true, .value = value};
}
