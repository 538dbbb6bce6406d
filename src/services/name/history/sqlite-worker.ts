import { parentPort, workerData } from "node:worker_threads";
import { type HistoryDatabase, isRefusal, mayPass, openDatabase } from "./sqlite-database.ts";
import { type Answer, type Failure, OPENING, type Question } from "./sqlite-protocol.ts";

// The thread of the embedded database: SQLite blocks, and here nobody else waits. Made by database-thread.ts.

function tell(answer: Answer): void {
  parentPort?.postMessage(answer, "documents" in answer ? [answer.documents.buffer] : []);
}

function failureOf(error: unknown): Failure {
  return {
    message: error instanceof Error ? error.message : String(error),
    isRefusal: isRefusal(error),
    mayPass: mayPass(error),
  };
}

function open(): HistoryDatabase | undefined {
  try {
    const database = openDatabase(workerData);
    tell({ number: OPENING, documents: new Uint8Array() });
    return database;
  } catch (error) {
    tell({ number: OPENING, failure: failureOf(error) });
    return undefined;
  }
}

function answer(database: HistoryDatabase, { number, operation }: Question): void {
  try {
    tell({ number, documents: database.perform(operation) });
  } catch (error) {
    tell({ number, failure: failureOf(error) });
  }
}

const database = open();
if (database !== undefined) {
  parentPort?.on("message", (question: Question) => {
    answer(database, question);
    if (question.operation.kind === "close") {
      parentPort?.close();
    }
  });
}
