use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::error::{BoxError, Error};
use crate::response::Response;

type Asking = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

pin_project! {
    /// The future of [`Learn`](super::Learn). Dropping it drops the question too; if
    /// others wait for its answer, one of them asks anew.
    pub struct LearnFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F> {
        Called { #[pin] future: F },
        Asking { future: Asking },
    }
}

impl<F> LearnFuture<F> {
    #[inline]
    pub(super) fn called(future: F) -> LearnFuture<F> {
        LearnFuture {
            state: State::Called { future },
        }
    }

    pub(super) fn asking(
        future: impl Future<Output = Result<Response, Error>> + Send + 'static,
    ) -> LearnFuture<F> {
        LearnFuture {
            state: State::Asking {
                future: Box::pin(future),
            },
        }
    }
}

impl<F, E> Future for LearnFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Called { future } => future.poll(cx).map_err(Error::of_layer),
            StateProjection::Asking { future } => future.as_mut().poll(cx),
        }
    }
}
