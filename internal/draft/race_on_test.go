//go:build race

package draft

// largeFile is smaller with the race detector, which makes hashing slow.
const largeFile = 24 << 20
