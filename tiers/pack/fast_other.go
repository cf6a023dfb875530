//go:build !amd64

package pack

// There is no assembly: these do nothing of the work.

func fastShuffle(_, _ []byte, _, _ int) int   { return 0 }
func fastUnshuffle(_, _ []byte, _, _ int) int { return 0 }
func fastDiff(_, _ []byte, _, _ int) int      { return 0 }
func fastUndiff(_ []byte, _, _ int) int       { return 0 }
