//! The body of a response, counted in the memory of all responses until it is sent.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::graphql::AnswerPart;

/// Maximum number of bytes passed to the connection at once; it takes more as they are sent.
const MAX_PIECE_BYTES: usize = 64 * 1024;

/// A body in pieces, with its share of the bytes of all responses.
pub(super) struct Sent {
    body: Body,
    /// Bytes of the body's current frame that have not been passed on.
    rest: Bytes,
    _part: AnswerPart,
}

impl Sent {
    pub(super) fn body(body: Body, part: AnswerPart) -> Body {
        Body::new(Self { body, rest: Bytes::new(), _part: part })
    }
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(bytes))) => self.rest = bytes,
                Some(Ok(Err(frame))) => return Poll::Ready(Some(Ok(frame))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        let length = self.rest.len().min(MAX_PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let exact = self.body.size_hint().exact();
        exact.map_or_else(SizeHint::default, |exact| {
            SizeHint::with_exact(exact + self.rest.len() as u64)
        })
    }
}
