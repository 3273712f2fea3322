// The conformance suite on the reference backend, held to plain definitions.
import { createReferenceBackend } from "../../src/backends/reference/backend.ts";
import { describeBackend } from "./conformance.ts";

describeBackend("reference", createReferenceBackend);
