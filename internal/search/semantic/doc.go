// Package semantic finds texts by what they mean. An Index has a model turn texts into
// vectors in the background, keeps these, and asks for those nearest to a question.
//
// It knows texts, not files. Whoever indexes files calls Add with the words that
// describe one, and keeps the Name that Add returns; a Question is answered with names.
// Files that share a description share its name, and it is embedded once.
//
// # Guarantees
//
// Add, Nearest and Status never wait for a model to embed what was added. One
// goroutine, Run, embeds; it rests as long as it works, so that it takes half a
// processor at most. Texts that wait take at most 32 MiB; what finds no room is asked
// for again (Options.Sweep) when there is some. What has a vector was written down, so
// that the next Open goes on from there. An Index is safe for concurrent use.
//
// A question is also asked with other words for its own (package synonym), at most
// MaxVariants times in all, and the best answer counts. Hit says which it was.
//
// # Caveats
//
// While a model is down, nothing is embedded, and Ask fails with its error; Run tries
// again, at first after a second and later every five minutes. A text that the model
// refuses (ErrText) is near to nothing from then on.
package semantic
