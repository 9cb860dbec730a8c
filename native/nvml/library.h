/* NVML opened at run time. Nothing here knows Node; every function may block, so none runs on its main thread. */
#ifndef ORRERY_NVML_LIBRARY_H
#define ORRERY_NVML_LIBRARY_H

#include "nvml-abi.h"

enum { PATH_BYTES_MAX = 4096, REASON_BYTES = 512 };

/* name, parameters; absent ones are null and count as "function not found". */
#define NVML_CALLS(CALL)                                                                        \
  CALL(nvmlInitWithFlags, (unsigned int))                                                       \
  CALL(nvmlInit_v2, (void))                                                                     \
  CALL(nvmlShutdown, (void))                                                                    \
  CALL(nvmlSystemGetDriverVersion, (char *, unsigned int))                                      \
  CALL(nvmlSystemGetNVMLVersion, (char *, unsigned int))                                        \
  CALL(nvmlSystemGetCudaDriverVersion_v2, (int *))                                              \
  CALL(nvmlDeviceGetCount_v2, (unsigned int *))                                                 \
  CALL(nvmlDeviceGetHandleByIndex_v2, (unsigned int, nvmlDevice_t *))                           \
  CALL(nvmlDeviceGetUUID, (nvmlDevice_t, char *, unsigned int))                                 \
  CALL(nvmlDeviceGetName, (nvmlDevice_t, char *, unsigned int))                                 \
  CALL(nvmlDeviceGetPciInfo_v3, (nvmlDevice_t, nvmlPciInfo_t *))                                \
  CALL(nvmlDeviceGetMemoryInfo, (nvmlDevice_t, nvmlMemory_t *))                                 \
  CALL(nvmlDeviceGetMemoryInfo_v2, (nvmlDevice_t, nvmlMemory_v2_t *))                           \
  CALL(nvmlDeviceGetMigMode, (nvmlDevice_t, unsigned int *, unsigned int *))                    \
  CALL(nvmlDeviceGetCudaComputeCapability, (nvmlDevice_t, int *, int *))                        \
  CALL(nvmlDeviceGetMemoryAffinity, (nvmlDevice_t, unsigned int, unsigned long *, unsigned int)) \
  CALL(nvmlDeviceGetUtilizationRates, (nvmlDevice_t, nvmlUtilization_t *))                      \
  CALL(nvmlDeviceGetTemperature, (nvmlDevice_t, unsigned int, unsigned int *))                  \
  CALL(nvmlDeviceGetPowerUsage, (nvmlDevice_t, unsigned int *))                                 \
  CALL(nvmlDeviceGetEnforcedPowerLimit, (nvmlDevice_t, unsigned int *))                         \
  CALL(nvmlDeviceGetPowerManagementLimitConstraints, (nvmlDevice_t, unsigned int *, unsigned int *)) \
  CALL(nvmlDeviceGetTotalEnergyConsumption, (nvmlDevice_t, unsigned long long *))               \
  CALL(nvmlDeviceGetTemperatureThreshold, (nvmlDevice_t, unsigned int, unsigned int *))         \
  CALL(nvmlDeviceGetClockInfo, (nvmlDevice_t, unsigned int, unsigned int *))                    \
  CALL(nvmlDeviceGetMaxClockInfo, (nvmlDevice_t, unsigned int, unsigned int *))                 \
  CALL(nvmlDeviceGetCurrentClocksThrottleReasons, (nvmlDevice_t, unsigned long long *))         \
  CALL(nvmlDeviceGetEccMode, (nvmlDevice_t, unsigned int *, unsigned int *))                    \
  CALL(nvmlDeviceGetTotalEccErrors, (nvmlDevice_t, unsigned int, unsigned int, unsigned long long *)) \
  CALL(nvmlDeviceGetCurrPcieLinkGeneration, (nvmlDevice_t, unsigned int *))                     \
  CALL(nvmlDeviceGetMaxPcieLinkGeneration, (nvmlDevice_t, unsigned int *))                      \
  CALL(nvmlDeviceGetCurrPcieLinkWidth, (nvmlDevice_t, unsigned int *))                          \
  CALL(nvmlDeviceGetMaxPcieLinkWidth, (nvmlDevice_t, unsigned int *))                           \
  CALL(nvmlDeviceGetMinorNumber, (nvmlDevice_t, unsigned int *))                                \
  CALL(nvmlDeviceGetMaxMigDeviceCount, (nvmlDevice_t, unsigned int *))                          \
  CALL(nvmlDeviceGetMigDeviceHandleByIndex, (nvmlDevice_t, unsigned int, nvmlDevice_t *))       \
  CALL(nvmlDeviceGetGpuInstanceId, (nvmlDevice_t, unsigned int *))                              \
  CALL(nvmlDeviceGetComputeInstanceId, (nvmlDevice_t, unsigned int *))                          \
  CALL(nvmlDeviceGetAttributes_v2, (nvmlDevice_t, nvmlDeviceAttributes_t *))                    \
  CALL(nvmlDeviceGetNvLinkState, (nvmlDevice_t, unsigned int, unsigned int *))                  \
  CALL(nvmlDeviceGetNvLinkRemotePciInfo_v2, (nvmlDevice_t, unsigned int, nvmlPciInfo_t *))      \
  CALL(nvmlDeviceGetTopologyCommonAncestor, (nvmlDevice_t, nvmlDevice_t, unsigned int *))       \
  CALL(nvmlDeviceGetSupportedEventTypes, (nvmlDevice_t, unsigned long long *))                  \
  CALL(nvmlDeviceRegisterEvents, (nvmlDevice_t, unsigned long long, nvmlEventSet_t))            \
  CALL(nvmlEventSetCreate, (nvmlEventSet_t *))                                                  \
  CALL(nvmlEventSetWait_v2, (nvmlEventSet_t, nvmlEventData_t *, unsigned int))                  \
  CALL(nvmlEventSetFree, (nvmlEventSet_t))                                                      \
  CALL(nvmlDeviceGetComputeRunningProcesses_v2, (nvmlDevice_t, unsigned int *, nvmlProcessInfo_t *)) \
  CALL(nvmlDeviceGetComputeRunningProcesses_v3, (nvmlDevice_t, unsigned int *, nvmlProcessInfo_t *))

/* Calls an NVML function that this driver may be too old to have. */
#define NVML_TRY(library, name, ...) \
  ((library)->name == NULL ? NVML_ERROR_FUNCTION_NOT_FOUND : (library)->name(__VA_ARGS__))

typedef enum { OPEN_SUCCEEDED, OPEN_LIBRARY_MISSING, OPEN_LIBRARY_UNUSABLE, OPEN_INIT_FAILED } open_outcome;

typedef struct {
  void *shared_object;
  const char *(*nvmlErrorString)(nvmlReturn_t);
#define DECLARE_CALL(name, parameters) nvmlReturn_t(*name) parameters;
  NVML_CALLS(DECLARE_CALL)
#undef DECLARE_CALL
} nvml_library;

typedef struct {
  open_outcome outcome;
  nvmlReturn_t status;
  char reason[REASON_BYTES];
  char driver[NVML_VERSION_BYTES];
  char nvml[NVML_VERSION_BYTES];
  int cuda;
} open_report;

/* Loads the library, starts NVML and reads its versions ("" or 0: not told). Holds nothing unless it succeeded. */
void open_library(nvml_library *library, const char *path, open_report *report);

/* Stops NVML and unloads the library; harmless on one that is not open. */
void close_library(nvml_library *library);

/* NVML's own words for a status; they live as long as the library is open. */
const char *status_text(const nvml_library *library, nvmlReturn_t status);

#endif
