package kv

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"golang.org/x/sys/unix"

	"github.com/rdfs/rdfs/internal/blob"
)

// groupLog is a file of a fixed size that takes small groups one behind the other:
// one write and one flush each, where a transaction of bbolt takes many writes and
// two flushes. When it is full, or a group is large, everything in it is written to
// bbolt, and it begins anew with the next lap. doc.go has the format.
//
// A record is written when the one before it is durable, and in pages of its own. So
// after a crash all records of the lap are sound, but for the last, which nobody was
// told of if it is torn.
type groupLog struct {
	f    logFile
	size int64 // bytes; written once all over, so that a flush need not allocate

	lap    uint64 // rises each time that the log begins anew; bbolt knows it
	number uint64 // of the next record in the lap
	off    int64  // where it goes
	record []byte // that is being made
}

// logFile is the file of a log: an *os.File whose Sync is fdatasync(2).
type logFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Truncate(size int64) error
	Sync() error
}

type osLogFile struct{ *os.File }

func (f osLogFile) Sync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}

// openLogFile opens the file of a log for reading and writing, and makes it if told so.
func openLogFile(path string, create bool) (logFile, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE
	}
	f, err := os.OpenFile(path, flag, 0o600)
	if err == nil && create {
		err = syncDir(path)
	}
	return osLogFile{f}, err
}

const (
	logMagic    = "rdfs.log"
	logSummed   = 24 // magic 8, sum 16; the sum is of all that follows
	logHeader   = logSummed + 24
	logPage     = 4096
	maxRecord   = 128 << 10 // larger groups go to bbolt, which then costs little more
	defaultLog  = 4 << 20
	smallestLog = 2 * maxRecord
)

// newGroupLog returns the log in f, which it makes as large as it should be. It has
// nothing in it before begin.
func newGroupLog(f logFile, size int64) (*groupLog, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != size {
		if err := f.Truncate(size); err != nil {
			return nil, err
		}
		zero := make([]byte, 1<<20)
		for off := int64(0); off < size; off += int64(len(zero)) {
			if _, err := f.WriteAt(zero[:min(int64(len(zero)), size-off)], off); err != nil {
				return nil, err
			}
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
	}
	return &groupLog{f: f, size: size}, nil
}

// encode lays rows out as the next record. It returns false when they are too many,
// or there is no more room.
func (l *groupLog) encode(rows iter.Seq2[[]byte, []byte]) bool {
	limit := int(min(maxRecord, l.size-l.off))
	b := append(l.record[:0], make([]byte, logHeader)...)
	defer func() { l.record = b }()
	for k, v := range rows {
		if len(b)+len(k)+len(v)+2*binary.MaxVarintLen64 > limit {
			return false
		}
		b = append(binary.AppendUvarint(b, uint64(len(k))), k...)
		if v == nil {
			b = append(b, 0)
			continue
		}
		b = append(binary.AppendUvarint(b, uint64(len(v))+1), v...)
	}
	copy(b, logMagic)
	binary.LittleEndian.PutUint64(b[logSummed:], l.lap)
	binary.LittleEndian.PutUint64(b[logSummed+8:], l.number)
	binary.LittleEndian.PutUint64(b[logSummed+16:], uint64(len(b)-logHeader))
	sum := blob.Sum(b[logSummed:])
	copy(b[len(logMagic):logSummed], sum[:])
	b = append(b, make([]byte, pages(len(b))-len(b))...)
	return len(b) <= limit
}

func pages(n int) int { return (n + logPage - 1) &^ (logPage - 1) }

// append makes the record durable that encode has made.
func (l *groupLog) append() error {
	if _, err := l.f.WriteAt(l.record, l.off); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	l.off += int64(len(l.record))
	l.number++
	return nil
}

// begin starts a lap: what the log holds is in bbolt now.
func (l *groupLog) begin(lap uint64) { l.lap, l.number, l.off = lap, 0, 0 }

// readLog yields the rows of one lap, in the order in which they were committed. The
// error wraps blob.ErrCorrupt when a record is damaged that was durable once.
func readLog(f logFile, lap uint64, yield func(key, value []byte)) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	b := make([]byte, info.Size())
	if _, err := f.ReadAt(b, 0); err != nil && err != io.EOF {
		return err
	}
	number, off := uint64(0), 0
	for ; ; number++ {
		rows, n := soundRecord(b[off:], lap, number)
		if n == 0 {
			break
		}
		if err := parseRows(rows, yield); err != nil {
			return fmt.Errorf("record %d: %w", number, err)
		}
		off += n
	}
	// The next record was written only when this one was durable.
	for rest := b[off:]; len(rest) >= logHeader; rest = rest[min(logPage, len(rest)):] {
		if _, n := soundRecord(rest, lap, binary.LittleEndian.Uint64(rest[logSummed+8:])); n != 0 {
			return fmt.Errorf("%w: record %d is damaged", blob.ErrCorrupt, number)
		}
	}
	return nil
}

// soundRecord returns the rows of the record at the beginning of b, and the number of
// bytes that it takes; 0 when it is not that record, whole and as it was written.
func soundRecord(b []byte, lap, number uint64) (rows []byte, size int) {
	if len(b) < logHeader || string(b[:len(logMagic)]) != logMagic ||
		binary.LittleEndian.Uint64(b[logSummed:]) != lap || binary.LittleEndian.Uint64(b[logSummed+8:]) != number {
		return nil, 0
	}
	n := binary.LittleEndian.Uint64(b[logSummed+16:])
	if n > uint64(min(maxRecord, len(b)-logHeader)) {
		return nil, 0
	}
	end := logHeader + int(n)
	if sum := blob.Sum(b[logSummed:end]); !bytes.Equal(sum[:logSummed-len(logMagic)], b[len(logMagic):logSummed]) {
		return nil, 0
	}
	return b[logHeader:end], pages(end)
}

// parseRows yields what encode laid out. The slices are parts of b.
func parseRows(b []byte, yield func(key, value []byte)) error {
	take := func(extra uint64) (p []byte, ok bool) {
		n, l := binary.Uvarint(b)
		if b = b[max(l, 0):]; l <= 0 || n > uint64(len(b))+extra {
			return nil, false
		}
		if n < extra {
			return nil, true // a tombstone
		}
		p, b = b[:n-extra:n-extra], b[n-extra:]
		return p, true
	}
	for len(b) > 0 {
		k, ok := take(0)
		v, ok2 := take(1)
		if !ok || !ok2 || len(k) == 0 {
			return fmt.Errorf("%w: a row is cut off", blob.ErrCorrupt)
		}
		yield(k, v)
	}
	return nil
}
