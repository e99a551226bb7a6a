package stores

import (
	"os"
	"strconv"
	"strings"
)

// totalMemory is the memory of this machine, or of the control group that it is confined to, in
// bytes; 4 GiB where the system does not tell.
func totalMemory() int64 {
	total := int64(4 << 30)
	if data, err := os.ReadFile("/proc/meminfo"); err == nil {
		if rest, ok := strings.CutPrefix(string(data), "MemTotal:"); ok {
			if kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64); err == nil {
				total = kib << 10
			}
		}
	}
	if data, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if most, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64); err == nil {
			total = min(total, most)
		}
	}
	return total
}
