package volume

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/catalog"
	"github.com/rdfs/rdfs/internal/naming"
)

// enforced gives a volume the hierarchical scheme, in a mode, with further rules.
func enforced(t testing.TB, mode naming.Mode, rules ...naming.Rule) func(*Options) {
	c, err := naming.Preset("hierarchical")
	if err != nil {
		t.Fatal(err)
	}
	c.Mode = mode
	c.Rules = append(rules, c.Rules...)
	s, err := naming.Compile(c)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) { o.Naming, o.NamingTitle = s, "hierarchical" }
}

// session makes the directories of one session.
func (r *rig) session() string {
	r.t.Helper()
	p := ""
	for _, name := range []string{"EXP0042", "sub-01", "ses-01"} {
		p = strings.TrimPrefix(p+"/"+name, "/")
		r.mkdir(p)
	}
	return p + "/"
}

// tryCreate makes a file and returns the error.
func (r *rig) tryCreate(p string) error {
	r.t.Helper()
	dir, name := r.at(p)
	h, _, err := r.v.Create(bg(r.t), dir, name, 0o666, unix.O_WRONLY|unix.O_EXCL, ada)
	if err == nil {
		r.release(h)
	}
	return err
}

func (r *rig) tryRename(from, to string) error {
	r.t.Helper()
	d1, n1 := r.at(from)
	d2, n2 := r.at(to)
	return r.v.Rename(d1, n1, d2, n2, 0, ada)
}

func (r *rig) state(p string) string { r.t.Helper(); return r.xattr(p, "user.rdfs.state") }

func TestAWrongNameIsRefusedByTheErrorOfItsOperation(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg.csv", "1")
	dir, _ := r.at(in + "x")
	file := r.attr(in + "eeg.csv").Ino
	ops := map[string]func() error{
		"create": func() error { return r.tryCreate(in + "wrong name") },
		"mkdir":  func() error { _, err := r.v.Mkdir(dir, "wrong", 0o777, ada); return err },
		"mknod": func() error {
			_, err := r.v.Mknod(bg(t), dir, "wrong", catalog.TypeFIFO|0o600, 0, ada)
			return err
		},
		"symlink": func() error { _, err := r.v.Symlink(dir, "wrong", "eeg.csv", ada); return err },
		"link":    func() error { _, err := r.v.Link(file, dir, "wrong", ada); return err },
		"rename":  func() error { return r.tryRename(in+"eeg.csv", in+"wrong") },
	}
	for op, do := range ops {
		err := do()
		want := ErrInvalid
		if op == "rename" {
			want = ErrPerm
		}
		var refusal *Refusal
		if !errors.Is(err, want) || !errors.As(err, &refusal) {
			t.Errorf("%s: got %v, want %v with a reason", op, err, want)
			continue
		}
		if refusal.Op != op || refusal.UID != ada.UID || len(refusal.Problems) == 0 || !strings.HasPrefix(refusal.Path, in+"wrong") {
			t.Errorf("%s: got %+v", op, refusal)
		}
		if last := r.v.LastRejection(ada.UID); !strings.Contains(last, " "+op+" "+in+"wrong") || !strings.Contains(last, "\n  ") {
			t.Errorf("%s: the last rejection is %q", op, last)
		}
		if got := r.xattr(in, "user.rdfs.last_rejection"); got != r.v.LastRejection(ada.UID) {
			t.Errorf("%s: the directory tells %q", op, got)
		}
	}
	if got := r.names(in); !slices.Equal(got, []string{"eeg.csv"}) {
		t.Errorf("afterwards there is %v", got)
	}
	if n := len(r.v.Rejections(ada.UID)); n != len(ops) {
		t.Errorf("%d rejections are remembered, want %d", n, len(ops))
	}
	if lines := string(r.v.RejectionLines(0)); strings.Count(lines, "\n") != len(ops) || !strings.Contains(lines, `"errno":"EPERM"`) {
		t.Errorf("got %s", lines)
	}
	if r.v.LastRejection(7) != "" || len(r.v.RejectionLines(7)) != 0 {
		t.Error("another user sees them")
	}
}

func TestRejectionsAreARing(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	for k := range maxRejections + 5 {
		if r.tryCreate(fmt.Sprintf("wrong%d", k)) == nil {
			t.Fatal("a wrong name is accepted")
		}
	}
	list := r.v.Rejections(0)
	if len(list) != maxRejections || list[0].Name != "wrong5" || list[len(list)-1].Name != fmt.Sprintf("wrong%d", maxRejections+4) {
		t.Errorf("%d are remembered, from %s", len(list), list[0].Name)
	}
}

func TestStagedFilesBecomeDataByRenameAndByLink(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	for name, promote := range map[string]func(from, to string){
		"rename": r.rename,
		"link":   func(from, to string) { r.link(from, to); r.unlink(from) },
	} {
		tmp, final := in+name+".csv.tmp", in+name+".csv"
		r.write(tmp, "one")
		r.clock.advance(time.Minute)
		r.sync()
		if got := r.state(tmp); got != "staged" || r.jobs() != 0 {
			t.Errorf("%s: before: state %s, %d jobs", name, got, r.jobs())
		}
		r.wantBytes(tmp, "one")
		promote(tmp, final)
		r.sync()
		if got := r.state(final); got != "stored" {
			t.Errorf("%s: after: state %s", name, got)
		}
		r.wantHistory(final, "one")
		// The next save goes on with the history.
		r.write(tmp, "two")
		if name == "link" {
			r.unlink(final)
		}
		promote(tmp, final)
		r.sync()
		r.wantHistory(final, "one", "two")
	}
}

func TestAWriterOfAStagedFileMayGoOnAfterTheRename(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	h := r.handle(in+"eeg.csv.part", unix.O_RDWR|unix.O_CREAT)
	r.put(h, "half", 0)
	r.rename(in+"eeg.csv.part", in+"eeg.csv")
	r.put(h, " whole", 4)
	r.release(h)
	r.sync()
	r.wantHistory(in+"eeg.csv", "half whole")
}

func TestLocalOnlyNamesAreNeverVersions(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	for _, name := range []string{".DS_Store", "~$eeg.xlsx", "eeg.db-wal", ".eeg.csv.swp"} {
		r.write(in+name, "junk")
	}
	r.mkdir(in + "__pycache__")
	r.write(in+"__pycache__/x.pyc", "junk")
	r.write(in+"eeg.db", "data")
	r.clock.advance(time.Minute)
	r.sync()
	for _, name := range []string{".DS_Store", "~$eeg.xlsx", "eeg.db-wal", ".eeg.csv.swp", "__pycache__/x.pyc"} {
		if got := r.state(in + name); got != "local" {
			t.Errorf("%s: state %s", name, got)
		}
		r.wantBytes(in+name, "junk")
		dir, base := r.at(in + name)
		if _, err := r.v.Versioned(dir, base); !errors.Is(err, ErrNotExist) {
			t.Errorf("%s is offered among the versions: %v", name, err)
		}
	}
	versions := 0
	r.v.cat.View(func(tx *catalog.Tx) error { versions = int(tx.Counters().Versions); return nil })
	if versions != 1 {
		t.Errorf("there are %d versions, want that of the database", versions)
	}
	// The past does not show them.
	then := r.epoch() - 1
	r.write(in+"later.csv", "so that there is something to commit")
	r.commit()
	past := r.v.Past(then)
	entries, err := past.ReadDir(r.attr(strings.TrimSuffix(in, "/")).Ino, "", 100, true)
	if err != nil || len(entries) != 1 || entries[0].Name != "eeg.db" {
		t.Errorf("the past shows %v, %v", entries, err)
	}
	// A dropping that gets a right name is data.
	r.rename(in+".DS_Store", in+"finder.bin")
	r.sync()
	r.wantHistory(in+"finder.bin", "junk")
}

func TestUnsealedFilesOutliveACrash(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	h := r.handle(in+"eeg.db-journal", unix.O_RDWR|unix.O_CREAT)
	r.put(h, "journal", 0)
	if err := h.Fsync(bg(t)); err != nil {
		t.Fatal(err)
	}
	r.release(h)
	r.write(in+"eeg.csv.tmp", "temporary")
	r.stopUnsealed()
	r.reopen(StopKilled)
	r.wantBytes(in+"eeg.db-journal", "journal")
	r.wantBytes(in+"eeg.csv.tmp", "temporary")
	r.sync()
	if a, b := r.state(in+"eeg.db-journal"), r.state(in+"eeg.csv.tmp"); a != "local" || b != "staged" {
		t.Errorf("after the crash: %s, %s", a, b)
	}
	r.rename(in+"eeg.csv.tmp", in+"eeg.csv")
	r.sync()
	r.wantHistory(in+"eeg.csv", "temporary")
}

func TestWithoutASchemeEverythingIsData(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg.csv.tmp", "kept")
	r.o.Naming = nil
	r.stopUnsealed()
	r.reopen(StopKilled)
	r.sync()
	r.wantHistory(in+"eeg.csv.tmp", "kept")
	r.write("any name", "x")
	r.sync()
	r.wantHistory("any name", "x")
}

func TestAGrandfatheredNameCanBeSaved(t *testing.T) {
	r := newRig(t)
	r.write("old.xyz", "one")
	r.mkdir("old dir")
	r.write("old dir/f", "x")
	r.sync()
	enforced(t, naming.Enforce)(&r.o)
	r.close()
	r.reopen(StopClean)
	r.write("old.xyz", "two") // in place
	r.sync()
	r.write("old.xyz.tmp", "three") // by rename
	r.rename("old.xyz.tmp", "old.xyz")
	r.sync()
	r.wantHistory("old.xyz", "one", "two", "three")
	if err := r.tryRename("old.xyz", "older.xyz"); !errors.Is(err, ErrPerm) {
		t.Errorf("a new wrong name: %v", err)
	}
	// A directory whose content was wrong before can be given a right name.
	r.rename("old dir", "EXP0001")
	r.wantBytes("EXP0001/f", "x")
}

func TestADirectoryIsRenamedOnlyIfAllInItStaysRight(t *testing.T) {
	rule := naming.Rule{ID: "own", Paths: []string{"{experiment_id}/raw/{experiment_id}_{n:int}.csv"}}
	r := newRig(t, enforced(t, naming.Enforce, rule))
	r.mkdir("EXP0001")
	r.mkdir("EXP0001/raw")
	r.write("EXP0001/raw/EXP0001_1.csv", "1")
	err := r.tryRename("EXP0001", "EXP0002")
	var refusal *Refusal
	if !errors.Is(err, ErrPerm) || !errors.As(err, &refusal) || refusal.Path != "EXP0002" || len(refusal.Problems) != 1 ||
		refusal.Problems[0].String() != `experiment_id = "EXP0001": want EXP0002, as in EXP0002/raw/ (EXP0002/raw/EXP0001_1.csv); did you mean EXP0002?` {
		t.Errorf("got %v", err)
	}
	if !r.exists("EXP0001/raw/EXP0001_1.csv") {
		t.Error("something was renamed")
	}
	r.rename("EXP0001/raw/EXP0001_1.csv", "EXP0001/raw/EXP0001_2.csv")
	r.unlink("EXP0001/raw/EXP0001_2.csv")
	r.rename("EXP0001", "EXP0002")
	// What is known of the directory follows.
	if err := r.tryCreate("EXP0002/raw/EXP0001_3.csv"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a name of the old directory: %v", err)
	}
	r.write("EXP0002/raw/EXP0002_3.csv", "3")
}

func TestWhatIsInAStagedDirectoryBecomesDataWithIt(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.mkdir(in + "eeg.zarr.tmp")
	r.write(in+"eeg.zarr.tmp/0.0", "chunk")
	r.mkdir(in + "eeg.zarr.tmp/sub")
	r.write(in+"eeg.zarr.tmp/sub/.DS_Store", "junk")
	r.write(in+"eeg.zarr.tmp/sub/1.0", "more")
	r.clock.advance(time.Minute)
	r.sync()
	if got := r.state(in + "eeg.zarr.tmp/0.0"); got != "staged" {
		t.Errorf("before: %s", got)
	}
	r.rename(in+"eeg.zarr.tmp", in+"eeg.zarr")
	r.clock.advance(time.Minute)
	r.sync()
	r.wantHistory(in+"eeg.zarr/0.0", "chunk")
	r.wantHistory(in+"eeg.zarr/sub/1.0", "more")
	if got := r.state(in + "eeg.zarr/sub/.DS_Store"); got != "local" {
		t.Errorf("a dropping in it: %s", got)
	}
}

func TestABackupNameLeavesTheHistoryWithThePath(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg.csv", "one")
	r.sync()
	r.rename(in+"eeg.csv", in+"eeg.csv~") // vim, backupcopy=no
	r.write(in+"eeg.csv", "two")
	r.sync()
	r.wantHistory(in+"eeg.csv", "one", "two")
	r.wantBytes(in+"eeg.csv~", "one")
	r.unlink(in + "eeg.csv~")
	r.sync()
	r.wantHistory(in+"eeg.csv", "one", "two")
}

func TestStagedFilesMoveToTheInboxInTheEnd(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce), func(o *Options) { o.StagedFor = time.Hour })
	in := r.session()
	r.write(in+"eeg.csv.tmp", "forgotten")
	r.write(in+".DS_Store", "junk")
	open := r.handle(in+"open.csv.tmp", unix.O_RDWR|unix.O_CREAT)
	r.clock.advance(30 * time.Minute)
	r.write(in+"young.csv.tmp", "young")
	r.clock.advance(31 * time.Minute)
	for range 2 { // a second look finds nothing new
		if err := r.v.sweepStaged(); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.names(in); !slices.Equal(got, []string{".DS_Store", "open.csv.tmp", "young.csv.tmp"}) {
		t.Errorf("left in place: %v", got)
	}
	box, err := r.v.Inbox()
	if err != nil {
		t.Fatal(err)
	}
	const name = "EXP0042%2Fsub-01%2Fses-01%2Feeg.csv.tmp"
	entries, err := r.v.ReadDir(box, "", 10, true)
	if err != nil || len(entries) != 1 || entries[0].Name != name || entries[0].UID != ada.UID && entries[0].UID != 0 {
		t.Fatalf("in the inbox: %v, %v", entries, err)
	}
	if got := r.names("/"); !slices.Equal(got, []string{"EXP0042"}) {
		t.Errorf("the root lists %v", got)
	}
	// It can be given its right name, and is data then.
	dir, final := r.at(in + "eeg.csv")
	if err := r.v.Rename(box, name, dir, final, 0, ada); err != nil {
		t.Fatal(err)
	}
	r.release(open)
	r.sync()
	r.wantHistory(in+"eeg.csv", "forgotten")
	// Nobody can make anything in the inbox.
	if _, _, err := r.v.Create(bg(t), box, "x", 0o666, unix.O_WRONLY, ada); !errors.Is(err, ErrInvalid) {
		t.Errorf("a new file in the inbox: %v", err)
	}
	// A second one of the same path gets another name.
	for k := range 2 {
		r.write(in+"again.csv.tmp", fmt.Sprint(k))
		r.clock.advance(2 * time.Hour)
		if err := r.v.sweepStaged(); err != nil {
			t.Fatal(err)
		}
	}
	entries, _ = r.v.ReadDir(box, "", 10, false)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name)
	}
	if want := "EXP0042%2Fsub-01%2Fses-01%2Fagain.csv.tmp~2"; !slices.Contains(got, want) {
		t.Errorf("in the inbox: %v, want %s", got, want)
	}
}

func TestNamesThatDifferOnlyByCaseAreRefusedInAllWays(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	for round := range 2 { // with what is remembered, and without
		mouse, Mouse := fmt.Sprintf("%smouse%d.csv", in, round), fmt.Sprintf("%sMouse%d.csv", in, round)
		r.write(Mouse, "1")
		if err := r.tryCreate(mouse); !errors.Is(err, ErrInvalid) {
			t.Errorf("create beside another case: %v", err)
		}
		r.write(in+"x.csv", "2")
		if err := r.tryRename(in+"x.csv", mouse); !errors.Is(err, ErrPerm) {
			t.Errorf("rename beside another case: %v", err)
		}
		r.rename(Mouse, mouse) // only its own case changes
		if err := r.tryCreate(Mouse); !errors.Is(err, ErrInvalid) {
			t.Errorf("the other way round: %v", err)
		}
		r.unlink(mouse)
		r.write(Mouse, "3")
		r.close()
		r.reopen(StopClean)
	}
}

func TestARuleSetsPermissions(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce, naming.Rule{ID: "raw", Paths: []string{"raw/{x}.csv"}, Perm: 0o444},
		naming.Rule{ID: "persons", Paths: []string{"persons.csv"}, Perm: 0o600}))
	r.mkdir("raw")
	h := r.handle("raw/a.csv", unix.O_RDWR|unix.O_CREAT)
	r.put(h, "1", 0)
	r.release(h)
	r.write("persons.csv.tmp", "2")
	r.rename("persons.csv.tmp", "persons.csv")
	for p, want := range map[string]uint32{"raw/a.csv": 0o444, "persons.csv": 0o600} {
		if got := r.attr(p).Mode & 0o777; got != want {
			t.Errorf("%s: mode %o, want %o", p, got, want)
		}
	}
	if got := r.attr("raw").Mode & 0o222; got == 0 {
		t.Error("the directory lost its permissions")
	}
}

func TestWarnAndStageAcceptAndTell(t *testing.T) {
	for mode, want := range map[naming.Mode]string{naming.Warn: "stored", naming.Stage: "staged"} {
		t.Run(mode.String(), func(t *testing.T) {
			r := newRig(t, enforced(t, mode))
			r.write("wrong.xyz", "1")
			r.sync()
			if got := r.state("wrong.xyz"); got != want {
				t.Errorf("state %s, want %s", got, want)
			}
			list := r.v.Rejections(0)
			if len(list) != 1 || !list[0].Accepted || list[0].Path != "wrong.xyz" || list[0].Errno != "" ||
				!strings.Contains(list[0].Text(), "accepted with a warning") {
				t.Errorf("got %+v", list)
			}
		})
	}
}

func TestExchangeLeavesTheClassWithTheName(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg.csv", "old")
	r.sync()
	r.write(in+"eeg.csv.tmp", "new")
	r.renameFlags(in+"eeg.csv.tmp", in+"eeg.csv", RenameExchange)
	r.sync()
	if a, b := r.state(in+"eeg.csv"), r.state(in+"eeg.csv.tmp"); a != "stored" || b != "staged" {
		t.Errorf("got %s, %s", a, b)
	}
	r.wantBytes(in+"eeg.csv", "new")
	r.wantBytes(in+"eeg.csv.tmp", "old")
}

func TestRestoreToAWrongNameIsRefused(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg.csv", "1")
	r.sync()
	_, err := r.v.Restore(bg(t), RestoreRequest{Path: in + "eeg.csv", Seq: 1, To: "wrong.xyz"})
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "wrong.xyz") {
		t.Errorf("got %v", err)
	}
	if r.exists("wrong.xyz") {
		t.Error("it is there")
	}
}

// A directory that is brought back as it was keeps what is no data, which no version
// could bring back.
func TestRestoreOfADirectoryLosesNothingThatIsNoData(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg.csv", "one")
	r.snapshot("before")
	r.write(in+"eeg.csv", "two")
	r.write(in+"mri.csv", "new")
	r.write(in+"meg.csv.tmp", "staged")
	r.write(in+"eeg.db-journal", "journal")
	r.mkdir("EXP0042/sub-02")
	r.mkdir("EXP0042/sub-02/ses-01")
	r.write("EXP0042/sub-02/ses-01/eeg.csv.part", "of a new directory")
	r.write("EXP0042/sub-02/ses-01/.DS_Store", "junk")
	r.sync()
	r.restoreTree("EXP0042", "before")
	r.sync()
	r.wantBytes(in+"eeg.csv", "one")
	r.wantBytes(in+"meg.csv.tmp", "staged")
	r.wantBytes(in+"eeg.db-journal", "journal")
	if r.exists(in+"mri.csv") || r.exists("EXP0042/sub-02") {
		t.Error("what was not there then is there")
	}
	box, err := r.v.Inbox()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := r.v.ReadDir(box, "", 10, true)
	if err != nil || len(entries) != 1 || entries[0].Name != "EXP0042%2Fsub-02%2Fses-01%2Feeg.csv.part" || entries[0].Size != int64(len("of a new directory")) {
		t.Errorf("in the inbox: %v, %v", entries, err)
	}
}

func TestWhatIsNoDataIsNotInTheTrash(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	for _, name := range []string{"eeg.csv", "~$eeg.xlsx", "eeg.csv.tmp", "eeg.db-wal"} {
		r.write(in+name, "x")
	}
	r.sync()
	for _, name := range []string{"eeg.csv", "~$eeg.xlsx", "eeg.csv.tmp", "eeg.db-wal"} {
		r.unlink(in + name)
	}
	r.sync()
	res, err := r.v.Trash(bg(t), TrashRequest{Limit: 10})
	if err != nil || len(res.Items) != 1 || res.Items[0].Path != in+"eeg.csv" {
		t.Errorf("got %+v, %v", res.Items, err)
	}
}

func TestWhatIsNoDataIsNoDifferenceBetweenSnapshots(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce), func(o *Options) { o.StagedFor = time.Hour })
	in := r.session()
	r.write(in+"eeg.csv", "1")
	r.sync()
	r.snapshot("a")
	r.write(in+".DS_Store", "junk")
	r.write(in+"old.csv.tmp", "3")
	r.mkdir(in + "__pycache__")
	r.clock.advance(2 * time.Hour)
	if err := r.v.sweepStaged(); err != nil {
		t.Fatal(err)
	}
	r.write(in+"mri.csv.tmp", "2")
	r.write(in+"meg.csv", "4")
	r.sync()
	r.snapshot("b")
	r.wantDiff("a", "b", "", "added "+in+"meg.csv")
	r.rename(in+"mri.csv.tmp", in+"mri.csv")
	r.sync()
	r.snapshot("c")
	r.wantDiff("b", "c", "", "added "+in+"mri.csv")
}

func TestFieldsOfThePathAreAttributes(t *testing.T) {
	r := newRig(t, enforced(t, naming.Enforce))
	in := r.session()
	r.write(in+"eeg_run-02.nii.gz", "x")
	r.mkdir("EXP0042/code")
	r.write("EXP0042/code/fit.py", "x")
	for _, tt := range []struct{ path, attr, want string }{
		{in + "eeg_run-02.nii.gz", "user.experiment_id", "EXP0042"},
		{in + "eeg_run-02.nii.gz", "user.run", "02"},
		{in + "eeg_run-02.nii.gz", "user.extension", "nii.gz"},
		{"EXP0042/sub-01", "user.subject_id", "sub-01"},
		{"EXP0042/code/fit.py", "user.experiment_id", "EXP0042"},
	} {
		if got := r.xattr(tt.path, tt.attr); got != tt.want {
			t.Errorf("%s of %s: %q, want %q", tt.attr, tt.path, got, tt.want)
		}
	}
	file := r.attr(in + "eeg_run-02.nii.gz").Ino
	if err := r.v.Setxattr(file, "user.run", []byte("03"), 0, ada); !errors.Is(err, ErrPerm) {
		t.Errorf("another value: %v", err)
	}
	if err := r.v.Setxattr(file, "user.run", []byte("02"), 0, ada); err != nil {
		t.Errorf("the same value: %v", err)
	}
	if err := r.v.Removexattr(file, "user.run", ada); !errors.Is(err, ErrPerm) {
		t.Errorf("remove: %v", err)
	}
	if names, err := r.v.Listxattr(file); err != nil || len(names) != 0 {
		t.Errorf("listed: %v, %v", names, err)
	}
	// A field that this path does not have is free for people.
	r.setxattr("EXP0042/code/fit.py", "user.run", "7")
	if got := r.xattr("EXP0042/code/fit.py", "user.run"); got != "7" {
		t.Errorf("a field of other paths: %q", got)
	}
}
