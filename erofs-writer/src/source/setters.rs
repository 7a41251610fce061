//! Setters that sources have in common, and their documentation.

/// Setters for events and cancelling. The type has the lifetime `$a` and a field
/// `conduct`.
macro_rules! events {
    ($a:lifetime) => {
        /// Calls `on_event` with each event of reading.
        /// [`ImageWriter::on_event`](crate::ImageWriter::on_event) takes the same
        /// handler. If it returns `Break`, reading ends with
        /// [`Error::Cancelled`](crate::Error::Cancelled).
        #[must_use]
        pub fn on_event(
            mut self,
            on_event: impl FnMut(crate::event::Event) -> std::ops::ControlFlow<()> + Send + $a,
        ) -> Self {
            self.conduct.on_event = Some(Box::new(on_event));
            self
        }

        /// Lets `canceller` end reading from another thread, with
        /// [`Error::Cancelled`](crate::Error::Cancelled).
        #[must_use]
        pub fn canceller(mut self, canceller: &crate::cancel::Canceller) -> Self {
            self.conduct.canceller = canceller.clone();
            self
        }
    };
}

/// Setters for threads, for sources that several threads read. The type has a field
/// `conduct`.
macro_rules! threads {
    () => {
        /// The number of threads that reading makes for itself. Default: as for
        /// [`ImageWriter::threads`](crate::ImageWriter::threads).
        #[must_use]
        pub fn threads(mut self, threads: std::num::NonZeroUsize) -> Self {
            self.conduct.wanted.threads = Some(threads);
            self
        }

        /// Lets the threads of `pool` read, as with
        /// [`ImageWriter::pool`](crate::ImageWriter::pool).
        #[must_use]
        pub fn pool(mut self, pool: &std::sync::Arc<rayon::ThreadPool>) -> Self {
            self.conduct.wanted.pool = Some(std::sync::Arc::clone(pool));
            self
        }
    };
}

pub(super) use {events, threads};
