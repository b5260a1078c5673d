/** Work for the next frame. However often data change in between, each task runs once. */

type Task = () => void;

const tasks = new Set<Task>();
let requested = false;

/** Runs the task in the next frame. The same task is run once. */
export function inNextFrame(task: Task): void {
  tasks.add(task);
  if (requested) return;
  requested = true;
  requestAnimationFrame(() => {
    requested = false;
    const due = [...tasks];
    tasks.clear();
    for (const run of due) run();
  });
}

/** Takes a task back that has not run yet. */
export function notInNextFrame(task: Task): void {
  tasks.delete(task);
}
