// Package draft turns a draft, the plain file that programs write into, into
// sealed bytes, and reads sealed bytes back: chunk, hash, compress, pack, store.
//
// A [Pipeline] hands out batches. A [Batch] takes any number of files, cuts each
// into chunks, stores the chunks that are not stored yet in packs, and says in the
// end where everything is. A [Reader] reads chunks from packs and verifies them.
//
// # Guarantees
//
// When Finish returns nil, every pack it names is durable in the store. What
// Add returned is the content id (BLAKE3-256 of exactly the bytes that Add read)
// and its chunks, each of which is in this batch or was there before. A chunk that
// the Reader returns has the hash that was asked for; all else is an error.
//
// # Chunks
//
// Chunk boundaries follow the content: FastCDC with normalized chunking (Xia et
// al., "FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data
// Deduplication", USENIX ATC 2016; "The Design of Fast Content-Defined Chunking
// for Data Deduplication Based Storage Systems", IEEE TPDS 2020). So bytes that are
// inserted or changed alter the chunks around them and no others. A content of up
// to 128 KiB is one chunk. In a longer one the average size depends on where
// in the content a chunk begins: 128 KiB in the first 512 MiB, 256 KiB to 2 GiB,
// 512 KiB to 8 GiB, then 1 MiB. Chunks of large files are therefore large, and a
// file that grows keeps all its chunks but the last. The masks are nested: each
// boundary of a larger class satisfies the condition of a smaller one, so shifted
// content falls into step again soon after a change of class.
//
// # Memory
//
// A batch in use holds at most two packs (2 x PackSize), a window of at most
// 8 MiB, and about 14 MiB for compression; a batch of small files only holds what
// it filled. Buffers are reused between batches and let go to the garbage
// collector when idle. So a pipeline with n batches at once takes at most about
// 55 MiB x n, and about 150 bytes for each new chunk in the batches.
//
// # Caveats
//
// Two batches at once may both store the same new chunk; either copy is good. A
// batch that is discarded or fails may leave packs in the store that nothing refers
// to: garbage collection finds them.
package draft
