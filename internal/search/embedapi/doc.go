// Package embedapi asks a server for the vectors of texts: Ollama, or any other that has
// the /v1/embeddings of OpenAI. So a laboratory can use a model of its own in place of
// the one that comes with rdfs.
//
// # Guarantees
//
// A call ends within Options.Timeout, however the server behaves, and reads at most
// 64 MiB. A vector of another dimension than Options.Dim, or an answer with too many or
// too few of them, is an error. Redirects are not followed: texts and key go to the
// endpoint and nowhere else. The key is read from the environment or a file for each
// call; it stands in no error, and no log. A Client is safe for concurrent use.
//
// An error wraps semantic.ErrText only when the server refuses these texts and takes
// another one: a server that refuses everything is misconfigured, and no text is at
// fault.
//
// # Caveats
//
// The texts, which may be descriptions of patients, leave the machine for the endpoint.
// Nothing tells that a server changed a model under its name: give it another name.
package embedapi
