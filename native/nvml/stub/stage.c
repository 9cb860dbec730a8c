/*
 * A stand-in for libnvidia-ml.so.1 that plays the scenario in the file ORRERY_NVML_STUB names, read at each init
 * (none: one healthy device). A line is one of
 *   devices COUNT            driver TEXT             mig DEVICE
 *   answer CALL STATUS [DEVICE]                      that call (nvmlInitWithFlags too) answers STATUS
 *   delay CALL MILLISECONDS                          that call takes this long
 *   process DEVICE PID BYTES                         BYTES -1: not told
 *   processes DEVICE COUNT                           that many, pids from 1000
 *   instance DEVICE PROFILE SLICES BYTES             a MIG instance, `1g.10gb` say; the device is then in MIG mode
 *   link LEFT RIGHT                                  one more NVLink between two devices
 *   event DEVICE TYPE NUMBER                         waits to be told; TYPE 8 is an XID
 *   after COUNTS                                     what follows is so once the devices were counted that often
 * and anything else makes init fail with "invalid argument", so that a misspelt scenario is seen.
 */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

stub_stage stage;

static int play(const char *line);
static int place(unsigned int device, unsigned int pid, long long bytes);

int load_stage(void) {
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
  unsigned int after = 0;
  while (is_sound && fgets(line, sizeof line, file) != NULL) {
    if (line[0] == '\n' || sscanf(line, "after %u", &after) == 1) continue;
    if (after == 0) {
      is_sound = play(line);
    } else {
      is_sound = stage.later_count < LATER;
      if (!is_sound) break;
      stage.later[stage.later_count].after = after;
      snprintf(stage.later[stage.later_count++].line, sizeof line, "%s", line);
    }
  }
  fclose(file);
  return is_sound;
}

void count_on_stage(void) {
  stage.counts++;
  while (stage.later_played < stage.later_count && stage.later[stage.later_played].after < stage.counts)
    play(stage.later[stage.later_played++].line);
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
  struct nvmlDevice_st instance = {.is_instance = 1};
  if (sscanf(line, "instance %u %31s %u %lld", &device, instance.profile, &instance.slices, &bytes) == 4) {
    if (device >= DEVICES || stage.instance_count == INSTANCES) return 0;
    stage.devices[device].is_mig = 1;
    instance.index = device;
    instance.instance = stage.instance_count;
    instance.memory = (unsigned long long)bytes;
    stage.instances[stage.instance_count++] = instance;
    return 1;
  }
  if (sscanf(line, "link %u %u", &device, &count) == 2) {
    if (stage.link_count == LINKS) return 0;
    stage.links[stage.link_count].left = device;
    stage.links[stage.link_count++].right = count;
    return 1;
  }
  if (sscanf(line, "event %u %u %lld", &device, &count, &bytes) == 3) {
    if (device >= DEVICES || stage.event_count == EVENTS) return 0;
    stage.events[stage.event_count++] =
        (nvmlEventData_t){&stage.devices[device], count, (unsigned long long)bytes, ~0U, ~0U};
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
