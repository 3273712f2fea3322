{
  # The kernels are compiled once for each instruction set, into static libraries that differ in flags and namespace.
  "variables": {
    "kernel_sources": [
      "native/ops_float.cc", "native/ops_integer.cc", "native/convert.cc", "native/map.cc", "native/reduce.cc", "native/matmul.cc",
      "native/scan.cc", "native/index.cc", "native/sort.cc", "native/softmax.cc", "native/table.cc"
    ],
    "kernel_flags": ["-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fwrapv", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-Wall", "-Wno-psabi", "-Wno-ignored-attributes"]
  },
  "target_defaults": {
    "cflags!": ["-O2", "-g"],
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "xcode_settings": {"MACOSX_DEPLOYMENT_TARGET": "11.0", "CLANG_CXX_LIBRARY": "libc++"}
  },
  "targets": [
    {
      "target_name": "kernels_baseline",
      "type": "static_library",
      "sources": ["<@(kernel_sources)"],
      "defines": ["FLAMBEAU_ISA=baseline"],
      "cflags_cc": ["<@(kernel_flags)", "-fPIC"],
      "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)"]}
    },
    {
      "target_name": "flambeau",
      "sources": ["native/addon.cc", "native/dispatch.cc", "native/memory.cc", "native/program.cc", "native/threads.cc"],
      "dependencies": ["kernels_baseline"],
      "cflags_cc!": ["-fno-exceptions"],
      "cflags_cc": ["-std=c++17", "-O2", "-fexceptions", "-fvisibility=hidden", "-Wall", "-Wno-psabi"],
      "ldflags": ["-pthread"],
      "xcode_settings": {"GCC_ENABLE_CPP_EXCEPTIONS": "YES", "OTHER_CPLUSPLUSFLAGS": ["-std=c++17"]},
      "conditions": [["target_arch=='x64'", {"dependencies": ["kernels_avx2", "kernels_avx512"]}]]
    }
  ],
  "conditions": [
    ["target_arch=='x64'", {
      "targets": [
        {
          "target_name": "kernels_avx2",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["FLAMBEAU_ISA=avx2"],
          "cflags_cc": ["<@(kernel_flags)", "-fPIC", "-march=x86-64-v3"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "-march=x86-64-v3"]}
        },
        {
          "target_name": "kernels_avx512",
          "type": "static_library",
          "sources": ["<@(kernel_sources)"],
          "defines": ["FLAMBEAU_ISA=avx512"],
          "cflags_cc": ["<@(kernel_flags)", "-fPIC", "-march=x86-64-v4", "-mprefer-vector-width=512"],
          "xcode_settings": {"OTHER_CPLUSPLUSFLAGS": ["<@(kernel_flags)", "-march=x86-64-v4", "-mprefer-vector-width=512"]}
        }
      ]
    }]
  ]
}
