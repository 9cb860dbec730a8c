{
  "target_defaults": {
    "cflags": ["-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"],
    "cflags!": ["-fno-strict-aliasing"]
  },
  "targets": [
    {
      "target_name": "nvml",
      "sources": ["addon.c", "answer.c", "events.c", "library.c", "reading.c", "topology.c"],
      "defines": ["NAPI_VERSION=9"],
      "cflags": ["-fvisibility=hidden"],
      "libraries": ["-ldl"]
    },
    {
      "target_name": "nvml_stub",
      "sources": ["stub/nvml-stub.c", "stub/stage.c"]
    }
  ]
}
