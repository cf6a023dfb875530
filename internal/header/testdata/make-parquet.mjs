// Writes the Parquet test files: npm install parquet-wasm@0.6 apache-arrow@21 hyparquet-writer@0.17, then node make-parquet.mjs.
import { writeFileSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tableFromArrays, tableToIPC, vectorFromArray, Table as Arrow, Utf8, Int32, Float64, Bool, TimestampMillisecond, List, Field, DateDay } from "apache-arrow";
import { parquetWriteBuffer } from "hyparquet-writer";
const { Table, writeParquet, WriterPropertiesBuilder, Compression } = createRequire(import.meta.url)("parquet-wasm/node");

const t = new Arrow({
  id: vectorFromArray([1, 2, 3], new Int32()),
  mass: vectorFromArray([0.5, null, 2.25], new Float64()),
  name: vectorFromArray(["a", "b", "c"], new Utf8()),
  good: vectorFromArray([true, false, true], new Bool()),
  at: vectorFromArray([0, 1, 2], new TimestampMillisecond()),
  day: vectorFromArray([new Date(0), new Date(0), new Date(0)], new DateDay()),
  counts: vectorFromArray([[1], [2, 3], []], new List(new Field("item", new Int32()))),
});
writeFileSync("arrow.parquet", writeParquet(Table.fromIPCStream(tableToIPC(t, "stream")), new WriterPropertiesBuilder().setCompression(Compression.SNAPPY).build()));

writeFileSync("js.parquet", Buffer.from(parquetWriteBuffer({ columnData: [
  { name: "subject", data: ["sub-01", "sub-02"], type: "STRING" },
  { name: "age", data: [31n, 27n], type: "INT64" },
  { name: "score", data: [1.5, 2.5], type: "FLOAT" },
] })));
