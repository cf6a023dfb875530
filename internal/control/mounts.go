package control

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// FSType is the type under which drives stand in the table of mounts.
const FSType = "fuse.rdfs"

// Mount is a mounted drive, as the table of mounts shows it.
type Mount struct {
	Mountpoint string // absolute
	Repository string // absolute directory
	Root       string // path in the drive that is mounted there; "" but for bind mounts
}

// Mounts returns the mounted drives of this machine that the process can see, in
// the order in which they were mounted.
func Mounts() ([]Mount, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("table of mounts: %w", err)
	}
	defer f.Close()
	return parseMountinfo(f)
}

func parseMountinfo(r io.Reader) ([]Mount, error) {
	var out []Mount
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		left, right, ok := strings.Cut(sc.Text(), " - ")
		l, rr := strings.Fields(left), strings.Fields(right)
		if !ok || len(l) < 5 || len(rr) < 2 || rr[0] != FSType {
			continue
		}
		out = append(out, Mount{
			Mountpoint: unescape(l[4]),
			Repository: unescape(rr[1]),
			Root:       strings.TrimPrefix(unescape(l[3]), "/"),
		})
	}
	return out, sc.Err()
}

// unescape undoes the octal escapes of the mount table.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// patience is how long a mount may take to answer.
const patience = 5 * time.Second

// Stale reports whether the process behind the mount is dead. One that does not answer
// is not known to be.
func (m Mount) Stale() bool {
	dead := make(chan bool, 1)
	go func() {
		// Attributes may be cached; opening asks the process.
		f, err := os.Open(m.Mountpoint)
		if err == nil {
			f.Close()
		}
		dead <- errors.Is(err, syscall.ENOTCONN)
	}()
	select {
	case yes := <-dead:
		return yes
	case <-time.After(patience):
		return false
	}
}

// Find returns the drive that holds the absolute path, and the path in the drive.
// The last mount over a place is the one that is seen there.
func Find(mounts []Mount, abs string) (Mount, string, bool) {
	best := -1
	for i, m := range mounts {
		if within(m.Mountpoint, abs) && (best < 0 || len(m.Mountpoint) >= len(mounts[best].Mountpoint)) {
			best = i
		}
	}
	if best < 0 {
		return Mount{}, "", false
	}
	m := mounts[best]
	rel := strings.TrimPrefix(strings.TrimPrefix(abs, m.Mountpoint), "/")
	return m, strings.TrimPrefix(path.Join(m.Root, rel), "/"), true
}

func within(dir, p string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}

// ByRepository returns the mounts of the repository at the absolute directory repo.
func ByRepository(mounts []Mount, repo string) []Mount {
	return slices.DeleteFunc(slices.Clone(mounts), func(m Mount) bool { return m.Repository != repo })
}

// Real returns p as an absolute path without symbolic links, as far as it exists:
// the path of a deleted file is still the place of its history. A mountpoint whose
// process is dead is left as it is.
func Real(p string) (string, error) {
	abs, err := filepath.Abs(p)
	if err != nil {
		return "", err
	}
	rest := ""
	for dir := abs; ; dir = filepath.Dir(dir) {
		real, err := filepath.EvalSymlinks(dir)
		if err == nil {
			return filepath.Join(real, rest), nil
		}
		// A dangling link names a place in its own directory, as history does. The mount
		// of another user may not be looked at, and is known by its path all the same.
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.ENOTCONN) &&
			!errors.Is(err, fs.ErrPermission) || dir == "/" {
			return "", err
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
