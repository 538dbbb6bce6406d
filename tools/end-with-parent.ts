// Loaded into every service that `npm start` and `npm run dev` start (`node --import`). Such a service has a process group
// of its own, so that a terminal's Ctrl-C does not reach it and the order of stopping can be kept. That must not make it
// outlive them: the channel between the two closes however the parent ends, SIGKILL included, and the service stops then
// as it would on SIGTERM. Not covered: a service that is itself stopped (SIGSTOP) or blocked ends when it runs again.
process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
// A listener keeps the channel open and thereby the process alive, past the end of its own work.
process.channel?.unref();
