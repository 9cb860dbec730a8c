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

/* `loss` names the call after which nothing else about this device is to be believed. */
typedef struct {
  bool is_lost;
  nvml_fault loss;
  char uuid[NVML_UUID_BYTES];
  char name[NVML_NAME_BYTES];
  char bus_id[BUS_ID_BYTES];
  maybe_number memory_total, memory_used, memory_free;
  maybe_number mig_mode, compute_major, compute_minor, numa_node;
  maybe_number gpu_percent, memory_percent, temperature, power, power_limit;
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

/* `pci_devices_path` is where the kernel lists PCI devices, for their NUMA nodes. */
void take_reading(const nvml_library *library, const char *pci_devices_path, nvml_reading *reading);

/* Frees what take_reading allocated; harmless on a zeroed reading. */
void discard_reading(nvml_reading *reading);

#endif
