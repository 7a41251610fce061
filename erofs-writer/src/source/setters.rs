//! What all sources can be told of who works, whom to tell and when to stop. It is
//! the same for each, and so is what is said of it.

/// For a type of lifetime `$a` with a field `conduct`: whom to tell, and when to stop.
macro_rules! events {
    ($a:lifetime) => {
        /// Calls `on_event` with what happens, as
        /// [`ImageWriter::on_event`](crate::ImageWriter::on_event) does, which takes
        /// the same handler. If it returns `Break`, reading ends with
        /// [`Error::Cancelled`](crate::Error::Cancelled).
        #[must_use]
        pub fn on_event(
            mut self,
            on_event: impl FnMut(crate::event::Event) -> std::ops::ControlFlow<()> + Send + $a,
        ) -> Self {
            self.conduct.on_event = Some(Box::new(on_event));
            self
        }

        /// Lets `canceller` end reading from another thread.
        #[must_use]
        pub fn canceller(mut self, canceller: &crate::cancel::Canceller) -> Self {
            self.conduct.canceller = canceller.clone();
            self
        }
    };
}

/// The same for one that several threads read: who works.
macro_rules! threads {
    () => {
        /// How many threads of its own reading has. Default: as
        /// [`ImageWriter::threads`](crate::ImageWriter::threads) has them.
        #[must_use]
        pub fn threads(mut self, threads: std::num::NonZeroUsize) -> Self {
            self.conduct.wanted.threads = Some(threads);
            self
        }

        /// Lets the threads of `pool` read, as
        /// [`ImageWriter::pool`](crate::ImageWriter::pool) does.
        #[must_use]
        pub fn pool(mut self, pool: &std::sync::Arc<rayon::ThreadPool>) -> Self {
            self.conduct.wanted.pool = Some(std::sync::Arc::clone(pool));
            self
        }
    };
}

pub(super) use {events, threads};
