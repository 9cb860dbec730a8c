#include "topology.h"

#include <stdlib.h>
#include <string.h>

static void read_links(const nvml_library *library, nvmlDevice_t handle, unsigned int device,
                       topology_reading *topology);
static void read_pair(const nvml_library *library, nvmlDevice_t left, nvmlDevice_t right, pair_reading pair,
                      topology_reading *topology);

/* A device that is lost, and what a driver does not support, is left out: the reading of devices tells why. */
void take_topology(const nvml_library *library, topology_reading *topology) {
  memset(topology, 0, sizeof *topology);
  unsigned int count = 0;
  nvmlReturn_t status = library->nvmlDeviceGetCount_v2(&count);
  if (status == NVML_SUCCESS && count > DEVICES_MAX) status = NVML_ERROR_INSUFFICIENT_SIZE;
  if (status != NVML_SUCCESS) {
    note_fault(library, &topology->failure, "nvmlDeviceGetCount_v2", status);
    return;
  }
  if (count == 0) return;
  topology->links = calloc((size_t)count * NVML_NVLINK_LINKS_MAX, sizeof *topology->links);
  topology->pairs = calloc((size_t)count * count, sizeof *topology->pairs);
  if (topology->links == NULL || topology->pairs == NULL) {
    note_fault(library, &topology->failure, "calloc", NVML_ERROR_MEMORY);
    return;
  }
  nvmlDevice_t handles[DEVICES_MAX] = {NULL};
  for (unsigned int device = 0; device < count; device++) {
    if (library->nvmlDeviceGetHandleByIndex_v2(device, &handles[device]) != NVML_SUCCESS) {
      handles[device] = NULL;
      continue;
    }
    read_links(library, handles[device], device, topology);
    for (unsigned int left = 0; left < device; left++)
      if (handles[left] != NULL)
        read_pair(library, handles[left], handles[device], (pair_reading){left, device, 0}, topology);
  }
}

void discard_topology(topology_reading *topology) {
  free(topology->links);
  free(topology->pairs);
  memset(topology, 0, sizeof *topology);
}

static void read_links(const nvml_library *library, nvmlDevice_t handle, unsigned int device,
                       topology_reading *topology) {
  for (unsigned int link = 0; link < NVML_NVLINK_LINKS_MAX; link++) {
    unsigned int is_active = 0;
    if (NVML_TRY(library, nvmlDeviceGetNvLinkState, handle, link, &is_active) != NVML_SUCCESS || is_active == 0)
      continue;
    link_reading *reading = &topology->links[topology->link_count++];
    nvmlPciInfo_t remote = {0};
    reading->device = device;
    reading->link = link;
    if (NVML_TRY(library, nvmlDeviceGetNvLinkRemotePciInfo_v2, handle, link, &remote) == NVML_SUCCESS)
      write_bus_id(reading->remote_bus_id, &remote);
  }
}

static void read_pair(const nvml_library *library, nvmlDevice_t left, nvmlDevice_t right, pair_reading pair,
                      topology_reading *topology) {
  if (NVML_TRY(library, nvmlDeviceGetTopologyCommonAncestor, left, right, &pair.level) == NVML_SUCCESS)
    topology->pairs[topology->pair_count++] = pair;
}
