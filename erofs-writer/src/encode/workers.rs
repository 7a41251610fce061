//! Running the workers.

use crate::cancel::StopOnPanic;
use crate::encode::inputs::Inputs;
use crate::encode::origin::Origin;
use crate::encode::queue::{PlacedParts, Queue};
use crate::encode::read::PartReader;
use crate::encode::room::Room;
use crate::encode::tasks::Tasks;
use crate::encode::worker::{Shared, Worker};
use crate::error::Result;
use crate::pool;

/// Lets all workers do the tasks, and places their results from `block` on.
pub(super) fn encode(
    inputs: &Inputs<'_>,
    tasks: &Tasks,
    origin: Origin<'_>,
    block: u64,
    report: &(dyn Fn(u64) + Sync),
) -> Result<PlacedParts> {
    let Tasks { tasks, repeats, .. } = tasks;
    let room = &Room::new(inputs, repeats);
    let queue = Queue::new(inputs, tasks, repeats, block);
    pool::crew(inputs.workers, || {
        let _guard = StopOnPanic(inputs.reader.stop);
        let reader = PartReader { inputs, origin };
        let mut worker = Worker::new(Shared { inputs, queue: &queue, room, reader, repeats });
        while let Some((index, bytes)) = queue.take() {
            let encoded = worker.encode(&tasks[index], bytes);
            let len = tasks[index].iter().map(|part| part.len).sum();
            queue.put(index, encoded);
            report(len);
        }
    });
    let mut placed = queue.finish()?;
    if inputs.options.may_have_inline_pclusters() {
        // Inline pclusters were made to fit after an index of this form.
        for part in &mut placed.parts {
            part.file.form = repeats.index_form(part.stream);
        }
    }
    Ok(placed)
}
