package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	sqlite "modernc.org/sqlite/lib"
)

// row is a line of the table that `make bench` ends with.
type row struct{ what, measured string }

// found keeps a row, and shows it to who waits.
func (b *bench) found(what, format string, args ...any) {
	r := row{what, fmt.Sprintf(format, args...)}
	fmt.Fprintf(os.Stderr, "%s: %s\n", r.what, r.measured)
	b.rows = append(b.rows, r)
}

// table writes rows as Markdown, under what they were measured on.
func table(out io.Writer, on string, rows []row) error {
	var b strings.Builder
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	fmt.Fprintf(&b, "\nMeasured on %s.\n\n| what | measured |\n| --- | --- |\n", on)
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", cell.Replace(r.what), cell.Replace(r.measured))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// machine is what is measured on, as far as the system says: processor and
// memory do on Linux, and the load that there was before.
func (b *bench) machine(load string) string {
	parts := []string{
		fmt.Sprintf("%d cores%s", runtime.NumCPU(), after("/proc/cpuinfo", "model name", " of ")),
		memory(), runtime.GOOS + "/" + runtime.GOARCH, runtime.Version(), "SQLite " + sqlite.SQLITE_VERSION,
	}
	if b.postgres != "" {
		parts = append(parts, "PostgreSQL "+b.postgres)
	}
	if load != "" {
		parts = append(parts, "a load of "+load+" before")
	}
	parts = append(parts, fmt.Sprintf("%d clients", b.clients), "state on the disk of "+os.TempDir())
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ", ")
}

// memory is how much the machine has; "" but on Linux.
func memory() string {
	var kibibytes float64
	if _, err := fmt.Sscanf(after("/proc/meminfo", "MemTotal", ""), "%f kB", &kibibytes); err != nil {
		return ""
	}
	return fmt.Sprintf("%.0f GB of memory", kibibytes*1024/1e9)
}

// after is what a file of Linux says after a name and a colon, in its first
// line like that, with words before it; "" without such a file or line.
func after(file, name, words string) string {
	text, _ := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if is, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(is) == name {
			return words + strings.TrimSpace(value)
		}
	}
	return ""
}

// loadNow is how many processes want a processor, as the mean of the last minute; "" but
// on Linux.
func loadNow() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return load
}
