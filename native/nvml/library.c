#include "library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static nvmlReturn_t start(const nvml_library *library);
static void resolve(nvml_library *library);
static int is_usable(const nvml_library *library);
static void read_versions(const nvml_library *library, open_report *report);

void open_library(nvml_library *library, const char *path, open_report *report) {
  memset(library, 0, sizeof *library);
  memset(report, 0, sizeof *report);
  library->shared_object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library->shared_object == NULL) {
    const char *reason = dlerror();
    report->outcome = OPEN_LIBRARY_MISSING;
    snprintf(report->reason, sizeof report->reason, "%s", reason == NULL ? path : reason);
    return;
  }
  resolve(library);
  if (!is_usable(library)) {
    report->outcome = OPEN_LIBRARY_UNUSABLE;
    snprintf(report->reason, sizeof report->reason, "%s is not a usable NVML", path);
    dlclose(library->shared_object);
    memset(library, 0, sizeof *library);
    return;
  }
  report->status = start(library);
  if (report->status != NVML_SUCCESS) {
    report->outcome = OPEN_INIT_FAILED;
    snprintf(report->reason, sizeof report->reason, "%s", status_text(library, report->status));
    dlclose(library->shared_object);
    memset(library, 0, sizeof *library);
    return;
  }
  read_versions(library, report);
}

void close_library(nvml_library *library) {
  if (library->shared_object == NULL) return;
  library->nvmlShutdown();
  dlclose(library->shared_object);
  memset(library, 0, sizeof *library);
}

const char *status_text(const nvml_library *library, nvmlReturn_t status) {
  const char *text = library->nvmlErrorString == NULL ? NULL : library->nvmlErrorString(status);
  return text == NULL ? "NVML gave no reason" : text;
}

/* A driver without a GPU is a driver with zero devices, not a failure: hence the flag. */
static nvmlReturn_t start(const nvml_library *library) {
  nvmlReturn_t status = NVML_TRY(library, nvmlInitWithFlags, NVML_INIT_FLAG_NO_GPUS);
  if (status == NVML_ERROR_FUNCTION_NOT_FOUND) status = NVML_TRY(library, nvmlInit_v2);
  return status;
}

/* ISO C has no cast from an object to a function pointer; POSIX says that copying the bits is right. */
static void resolve(nvml_library *library) {
  void *symbol = dlsym(library->shared_object, "nvmlErrorString");
  memcpy(&library->nvmlErrorString, &symbol, sizeof symbol);
#define RESOLVE_CALL(name, parameters)           \
  symbol = dlsym(library->shared_object, #name); \
  memcpy(&library->name, &symbol, sizeof symbol);
  NVML_CALLS(RESOLVE_CALL)
#undef RESOLVE_CALL
}

static int is_usable(const nvml_library *library) {
  return (library->nvmlInitWithFlags != NULL || library->nvmlInit_v2 != NULL) &&
         library->nvmlShutdown != NULL && library->nvmlDeviceGetCount_v2 != NULL &&
         library->nvmlDeviceGetHandleByIndex_v2 != NULL && library->nvmlDeviceGetUUID != NULL;
}

static void read_versions(const nvml_library *library, open_report *report) {
  if (NVML_TRY(library, nvmlSystemGetDriverVersion, report->driver, sizeof report->driver) != NVML_SUCCESS)
    report->driver[0] = '\0';
  if (NVML_TRY(library, nvmlSystemGetNVMLVersion, report->nvml, sizeof report->nvml) != NVML_SUCCESS)
    report->nvml[0] = '\0';
  if (NVML_TRY(library, nvmlSystemGetCudaDriverVersion_v2, &report->cuda) != NVML_SUCCESS)
    report->cuda = 0;
}
