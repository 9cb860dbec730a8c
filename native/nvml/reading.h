/* One look at every device. Plain values only, so that it can be taken on any thread and told on another. */
#ifndef ORRERY_NVML_READING_H
#define ORRERY_NVML_READING_H

#include <stdbool.h>

#include "library.h"

enum {
  DEVICES_MAX = 64,
  PROCESSES_EXPECTED = 32,
  PROCESSES_MAX = 4096,
  PROCESS_QUERIES_MAX = 4,
  FAULTS_MAX = 16,
  STATUS_TEXT_BYTES = 128,
  BUS_ID_BYTES = 32,
  MIG_DEVICES_MAX = 16,
};

typedef struct {
  const char *call;
  nvmlReturn_t status;
  char reason[STATUS_TEXT_BYTES];
} nvml_fault;

typedef struct {
  bool is_known;
  double value;
} maybe_number;

/* What is one number of a device: its field here, its key in JavaScript. */
#define DEVICE_NUMBERS(NUMBER)                              \
  NUMBER(minor_number, "minorNumber")                       \
  NUMBER(numa_node, "numaNode")                             \
  NUMBER(compute_major, "computeMajor")                     \
  NUMBER(compute_minor, "computeMinor")                     \
  NUMBER(mig_mode, "migMode")                               \
  NUMBER(memory_total, "memoryTotalBytes")                  \
  NUMBER(memory_used, "memoryUsedBytes")                    \
  NUMBER(memory_free, "memoryFreeBytes")                    \
  NUMBER(gpu_percent, "gpuPercent")                         \
  NUMBER(memory_percent, "memoryPercent")                   \
  NUMBER(temperature, "temperatureCelsius")                 \
  NUMBER(temperature_slowdown, "temperatureSlowdownCelsius") \
  NUMBER(temperature_shutdown, "temperatureShutdownCelsius") \
  NUMBER(power, "powerMilliwatts")                          \
  NUMBER(power_limit, "powerLimitMilliwatts")               \
  NUMBER(power_limit_min, "powerLimitMinMilliwatts")        \
  NUMBER(power_limit_max, "powerLimitMaxMilliwatts")        \
  NUMBER(energy, "energyMillijoules")                       \
  NUMBER(graphics_clock, "graphicsClockMhz")                \
  NUMBER(graphics_clock_max, "graphicsClockMaxMhz")         \
  NUMBER(sm_clock, "smClockMhz")                            \
  NUMBER(sm_clock_max, "smClockMaxMhz")                     \
  NUMBER(memory_clock, "memoryClockMhz")                    \
  NUMBER(memory_clock_max, "memoryClockMaxMhz")             \
  NUMBER(throttle_bits, "throttleBits")                     \
  NUMBER(ecc_mode, "eccMode")                               \
  NUMBER(ecc_corrected, "eccCorrectedErrors")               \
  NUMBER(ecc_uncorrected, "eccUncorrectedErrors")           \
  NUMBER(ecc_corrected_ever, "eccCorrectedErrorsEver")      \
  NUMBER(ecc_uncorrected_ever, "eccUncorrectedErrorsEver")  \
  NUMBER(pcie_generation, "pcieGeneration")                 \
  NUMBER(pcie_generation_max, "pcieGenerationMax")          \
  NUMBER(pcie_width, "pcieWidth")                           \
  NUMBER(pcie_width_max, "pcieWidthMax")

#define MIG_NUMBERS(NUMBER)                            \
  NUMBER(gpu_instance, "gpuInstanceId")                \
  NUMBER(compute_instance, "computeInstanceId")        \
  NUMBER(multiprocessors, "multiprocessors")           \
  NUMBER(gpu_slices, "gpuInstanceSlices")              \
  NUMBER(compute_slices, "computeInstanceSlices")      \
  NUMBER(memory_total, "memoryTotalBytes")             \
  NUMBER(memory_used, "memoryUsedBytes")

#define DECLARE_NUMBER(field, key) maybe_number field;

typedef struct {
  char uuid[NVML_UUID_BYTES];
  char name[NVML_NAME_BYTES];
  MIG_NUMBERS(DECLARE_NUMBER)
} mig_reading;

/* `loss` names the call after which nothing else about this device is to be believed. */
typedef struct {
  bool is_lost;
  nvml_fault loss;
  char uuid[NVML_UUID_BYTES];
  char name[NVML_NAME_BYTES];
  char bus_id[BUS_ID_BYTES];
  DEVICE_NUMBERS(DECLARE_NUMBER)
  unsigned int mig_count;
  mig_reading mig_devices[MIG_DEVICES_MAX];
  bool has_processes;
  unsigned int process_count;
  nvmlProcessInfo_t *processes;
  unsigned int fault_count;
  nvml_fault faults[FAULTS_MAX];
} device_reading;

/* `failure.status` is not success when there is no reading at all. */
typedef struct {
  nvml_fault failure;
  unsigned int device_count;
  device_reading *devices;
} nvml_reading;

/* Written as the kernel writes it: NVML's own text pads the domain to eight digits, in capitals. */
void write_bus_id(char text[BUS_ID_BYTES], const nvmlPciInfo_t *pci);

/* The text of the refusal is copied: it belongs to the library, which may be unloaded before it is told. */
void note_fault(const nvml_library *library, nvml_fault *fault, const char *call, nvmlReturn_t status);

/* `pci_devices_path` is where the kernel lists PCI devices, for their NUMA nodes. */
void take_reading(const nvml_library *library, const char *pci_devices_path, nvml_reading *reading);

/* Frees what take_reading allocated; harmless on a zeroed reading. */
void discard_reading(nvml_reading *reading);

#endif
