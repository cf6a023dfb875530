package drivetest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program is a script in testdata/programs. `SCRIPT save DIR` works in the empty directory DIR;
// `SCRIPT verify DIR` reads everything back with the same program and fails if something is wrong.
type program struct {
	script string
	// exact: two runs make the same bytes. The others keep times or random names in their files.
	exact bool
	// needs: other programs and the Debian packages that have them.
	needs map[string]string
}

var programs = []program{
	{script: "h5py_files.py", exact: true},
	{script: "h5py_swmr.py"},
	{script: "numpy_arrays.py", exact: true},
	{script: "pandas_tables.py"},
	{script: "sklearn_sets.py", exact: true},
	{script: "netcdf_files.py"},
	{script: "zarr_store.py", exact: true},
	{script: "sqlite_rollback.py", exact: true},
	{script: "sqlite_wal.py", needs: map[string]string{"sqlite3": "sqlite3"}},
	{script: "r_datasets.R", exact: true},
	{script: "git_work.sh", needs: map[string]string{"git": "git"}},
	{script: "rsync_copy.sh", exact: true, needs: map[string]string{"rsync": "rsync", "setfattr": "attr"}},
	{script: "tar_archives.sh", exact: true, needs: map[string]string{"tar": "tar", "setfattr": "attr"}},
	{script: "vim_edits.sh", exact: true, needs: map[string]string{"vim": "vim"}},
	{script: "sed_edits.sh", exact: true, needs: map[string]string{"sed": "sed"}},
}

// pythonModules are what the Python scripts import, with their Debian packages.
var pythonModules = map[string]string{
	"h5py": "python3-h5py", "numpy": "python3-numpy", "pandas": "python3-pandas", "tables": "python3-tables",
	"netCDF4": "python3-netcdf4", "zarr": "python3-zarr", "sklearn": "python3-sklearn",
}

const programsDir = "../../testdata/programs"

func (p program) command(t *testing.T, what, dir string) *exec.Cmd {
	t.Helper()
	script, err := filepath.Abs(filepath.Join(programsDir, p.script))
	must(t, err)
	interpreter := map[string]string{".py": "/usr/bin/python3", ".R": "/usr/bin/Rscript", ".sh": "/bin/bash"}[filepath.Ext(script)]
	cmd := exec.Command(interpreter, script, what, dir)
	cmd.Env = programEnv(tempDir(t))
	return cmd
}

// What real programs save on the drive reads back the same: at once, after a remount, and after the cache was
// removed, both unmounted and mounted; and it is the same as what they save in a plain directory.
func TestRealProgramsReadBackWhatTheySaved(t *testing.T) {
	needPrograms(t)
	d := newDrive(t)
	saved := savePrograms(t, d, programs)
	again := func(when string, verify bool) {
		for name, want := range saved {
			t.Run(when+"/"+name, func(t *testing.T) {
				wantSame(t, when, walk(t, d.path(name)), want, sameFiles)
				if verify {
					for _, p := range programs {
						if p.script == name {
							run(t, p.command(t, "verify", d.path(name)))
						}
					}
				}
			})
		}
	}
	d.remount()
	again("after remount", true)
	d.umount()
	d.evict()
	d.mount()
	again("without cache", false)
	d.sync()
	d.evict()
	dropCaches()
	again("cache removed while mounted", true)
	d.sync()
	d.check()
	d.umount()
	d.check()
	d.mount()
}

// savePrograms runs programs on the drive, each in a directory of its own, and returns the trees that they made.
func savePrograms(t *testing.T, d *drive, programs []program) map[string]tree {
	saved := map[string]tree{}
	for _, p := range programs {
		t.Run("save/"+p.script, func(t *testing.T) {
			dir, plain := d.path(p.script), filepath.Join(tempDir(t), p.script)
			must(t, os.Mkdir(dir, 0o755))
			must(t, os.Mkdir(plain, 0o755))
			run(t, p.command(t, "save", dir))
			saved[p.script] = walk(t, dir)
			if p.exact {
				run(t, p.command(t, "save", plain))
				wantSame(t, "beside a plain directory", saved[p.script], walk(t, plain), sameContent)
			}
			run(t, p.command(t, "verify", dir))
		})
	}
	return saved
}

// sameFiles is same, but for the times of directories: verifying may make and remove lock files in them.
func sameFiles(path string, got, want entry) string {
	if want.Mode&0o170000 == 0o040000 {
		got.Mtime = want.Mtime
	}
	return same(path, got, want)
}

func needPrograms(t *testing.T) {
	t.Helper()
	for _, p := range programs {
		for name, debian := range p.needs {
			need(t, name, debian)
		}
	}
	need(t, "/usr/bin/python3", "python3")
	need(t, "/usr/bin/Rscript", "r-base-core")
	var missing []string
	for module, debian := range pythonModules {
		find := "import importlib.util, sys; sys.exit(importlib.util.find_spec('" + module + "') is None)"
		if exec.Command("/usr/bin/python3", "-c", find).Run() != nil {
			missing = append(missing, debian)
		}
	}
	if len(missing) > 0 {
		t.Fatalf("Python modules are missing: apt-get install %s", strings.Join(missing, " "))
	}
}
