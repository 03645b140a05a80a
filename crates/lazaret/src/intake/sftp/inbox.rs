//! Requests on their way from the transport to the executor. The transport always takes in what comes, so that it never stops
//! hearing the peer: a loop that stops reading after so many requests dead-locks with clients that ask for a whole file at
//! once and read the answers later.
//!
//! What waits is bounded by bytes. Runs of READs are kept as one item however long they are, small WRITEs that follow one
//! another are joined, and while the executor works on, a full box makes the transport wait. Only when the executor itself
//! waits for the peer to read its answers does the box take more, up to a limit at which the session ends.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lazaret_formats::sftp::{
    FRAME_HEAD_BYTES, Incoming, Malformed, PACKET_BYTES_MAX, Request, Undecodable, WriteHead, split_frame,
};
use tokio::sync::Notify;

use super::pool::Pool;

/// Bytes that wait while the executor works: enough that neither side of the queue runs dry.
const WAITING_BYTES: usize = 2 << 20;
/// Bytes that wait while the executor waits for the peer to read. A client that sends more than this without reading is
/// broken or hostile.
const WAITING_BYTES_MAX: usize = 8 << 20;
/// What an item counts for besides its bytes, so that a flood of empty requests is bounded too.
const ITEM_BYTES: usize = 128;
/// Data of this size goes straight into a buffer of its own while it arrives.
const FILL_BYTES: usize = 16 * 1024;
/// Joined WRITEs hold at most so much.
const JOINED_BYTES_MAX: usize = 256 * 1024;
/// WRITEs answered as one item at most: 64 of OpenSSH, some hundreds of others.
const JOINED_MAX: usize = 1_024;

/// A handle as we give it out: a number in four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct HandleId(pub(super) u32);

impl HandleId {
    /// Of a client's bytes; what we never gave out becomes a number that no handle has.
    pub(super) fn of(bytes: &[u8]) -> HandleId {
        HandleId(bytes.try_into().map_or(u32::MAX, u32::from_be_bytes))
    }

    /// As it goes over the wire.
    pub(super) fn to_bytes(self) -> [u8; 4] {
        self.0.to_be_bytes()
    }
}

/// READs of one handle that follow one another, with ids that follow one another: what a client that asks for a whole file
/// at once sends, in constant memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) handle: HandleId,
    pub(super) id: u32,
    pub(super) offset: u64,
    pub(super) bytes: u32,
    pub(super) count: u64,
}

/// WRITEs of one handle that follow one another, as one piece.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) handle: HandleId,
    pub(super) ids: Vec<u32>,
    pub(super) offset: u64,
    pub(super) data: Data,
}

/// What WRITEs carry.
#[derive(Debug)]
pub(super) enum Data {
    /// Small ones, joined while they wait.
    Joined(Vec<u8>),
    /// One large one.
    Whole(Bytes),
}

impl Data {
    pub(super) fn len(&self) -> usize {
        match self {
            Data::Joined(bytes) => bytes.len(),
            Data::Whole(bytes) => bytes.len(),
        }
    }

    pub(super) fn into_bytes(self) -> Bytes {
        match self {
            Data::Joined(bytes) => bytes.into(),
            Data::Whole(bytes) => bytes,
        }
    }
}

/// One thing for the executor to do.
#[derive(Debug)]
pub(super) enum Work {
    /// The greeting; whether we speak a version that the client does.
    Init {
        supported: bool,
    },
    Reads(Reads),
    Writes(Writes),
    /// Any other request, known to be readable.
    Packet(Box<[u8]>),
    /// A packet that could not be read beyond its id.
    Unreadable(u32),
}

impl Work {
    fn weight(&self) -> usize {
        ITEM_BYTES
            + match self {
                Work::Init { .. } | Work::Reads(_) | Work::Unreadable(_) => 0,
                Work::Writes(writes) => writes.data.len() + size_of::<u32>() * writes.ids.len(),
                Work::Packet(packet) => packet.len(),
            }
    }

    /// Takes in what follows on it directly, or gives it back.
    fn join(&mut self, next: Work) -> Option<Work> {
        match (self, next) {
            (Work::Reads(run), Work::Reads(next)) if run.continues_with(&next) => {
                run.count += 1;
                None
            }
            (Work::Writes(first), Work::Writes(next)) => first.join(next).map(Work::Writes),
            (_, next) => Some(next),
        }
    }
}

impl Reads {
    fn continues_with(&self, next: &Reads) -> bool {
        let after = self.count.checked_mul(self.bytes.into()).and_then(|bytes| self.offset.checked_add(bytes));
        let id = u64::from(self.id) + self.count;
        next.handle == self.handle
            && next.bytes == self.bytes
            && self.bytes > 0
            && after == Some(next.offset)
            && u64::from(next.id) == id
    }
}

impl Writes {
    fn join(&mut self, next: Writes) -> Option<Writes> {
        let Data::Joined(bytes) = &mut self.data else { return Some(next) };
        let follows = next.handle == self.handle && self.offset.checked_add(bytes.len() as u64) == Some(next.offset);
        let fits = bytes.len() + next.data.len() <= JOINED_BYTES_MAX && self.ids.len() < JOINED_MAX;
        match next.data {
            Data::Joined(more) if follows && fits => {
                bytes.extend_from_slice(&more);
                self.ids.extend(next.ids);
                None
            }
            data @ (Data::Joined(_) | Data::Whole(_)) => Some(Writes { data, ..next }),
        }
    }
}

/// Why a session ends early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// A packet that cannot be answered, or after which nothing can be found again.
    Malformed(Malformed),
    /// More waits than may.
    Overflow,
    /// The other side of the box is gone.
    Gone,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Work>,
    bytes: usize,
    /// The executor waits for the peer to read.
    stuck: bool,
    /// Nothing more will come.
    finished: bool,
    /// Nobody takes anything any more.
    closed: bool,
}

/// The box itself.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    arrived: Notify,
    room: Notify,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can only come from running out of memory.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, work: Work) {
        let mut state = self.lock();
        let before = state.queue.back().map_or(0, Work::weight);
        let rest = match state.queue.back_mut() {
            Some(last) => last.join(work),
            None => Some(work),
        };
        match rest {
            Some(work) => {
                state.bytes += work.weight();
                state.queue.push_back(work);
            }
            None => state.bytes += state.queue.back().map_or(0, Work::weight).saturating_sub(before),
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Waits until there is room for more.
    async fn room(&self) -> Result<(), Ended> {
        loop {
            {
                let state = self.lock();
                match (state.closed, state.stuck) {
                    (true, _) => return Err(Ended::Gone),
                    (false, true) if state.bytes > WAITING_BYTES_MAX => return Err(Ended::Overflow),
                    (false, stuck) if stuck || state.bytes <= WAITING_BYTES => return Ok(()),
                    (false, _) => {}
                }
            }
            self.room.notified().await;
        }
    }

    /// The next item, if one is there.
    pub(super) fn try_next(&self) -> Option<Work> {
        let mut state = self.lock();
        let work = state.queue.pop_front()?;
        state.bytes = state.bytes.saturating_sub(work.weight());
        if state.bytes <= WAITING_BYTES {
            self.room.notify_one();
        }
        Some(work)
    }

    /// The next item; none once nothing more will come.
    pub(super) async fn next(&self) -> Option<Work> {
        loop {
            if let Some(work) = self.try_next() {
                return Some(work);
            }
            if self.lock().finished {
                return None;
            }
            self.arrived.notified().await;
        }
    }

    /// Says whether the executor waits for the peer to read.
    pub(super) fn set_stuck(&self, stuck: bool) {
        self.lock().stuck = stuck;
        self.room.notify_one();
    }

    /// Nothing more will come.
    fn finish(&self) {
        self.lock().finished = true;
        self.arrived.notify_one();
    }

    /// Nobody takes anything any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.queue.clear();
        drop(state);
        self.room.notify_one();
    }
}

/// The transport's side: cuts the stream into requests. Dropped, nothing more comes.
#[derive(Debug)]
pub(super) struct Feeder {
    inbox: Arc<Inbox>,
    pool: Arc<Pool>,
    /// The beginning of a packet that is not whole.
    start: Vec<u8>,
    filling: Option<Filling>,
    /// Bytes of a packet that are of no use.
    skip_bytes: usize,
}

/// A large WRITE whose data is arriving.
#[derive(Debug)]
struct Filling {
    id: u32,
    handle: HandleId,
    offset: u64,
    left_bytes: usize,
    buffer: super::pool::Buffer,
}

impl Feeder {
    /// Feeds this box.
    pub(super) fn new(inbox: Arc<Inbox>, pool: Arc<Pool>) -> Feeder {
        Feeder { inbox, pool, start: Vec::new(), filling: None, skip_bytes: 0 }
    }

    /// Takes in what came, then waits until there is room for more.
    ///
    /// # Errors
    /// The session must end.
    pub(super) async fn feed(&mut self, mut data: &[u8]) -> Result<(), Ended> {
        while !data.is_empty() {
            data = self.take(data)?;
        }
        self.inbox.room().await
    }

    /// The peer will send nothing more.
    pub(super) fn finish(&self) {
        self.inbox.finish();
    }

    /// The session ends here: what waits is not done any more.
    pub(super) fn abandon(&self) {
        self.inbox.close();
        self.inbox.finish();
    }

    fn take<'a>(&mut self, data: &'a [u8]) -> Result<&'a [u8], Ended> {
        if let Some(filling) = &mut self.filling {
            let (piece, rest) = data.split_at(filling.left_bytes.min(data.len()));
            filling.buffer.extend_from_slice(piece);
            filling.left_bytes -= piece.len();
            if filling.left_bytes == 0 {
                self.filled();
            }
            return Ok(rest);
        }
        if self.skip_bytes > 0 {
            let (skipped, rest) = data.split_at(self.skip_bytes.min(data.len()));
            self.skip_bytes -= skipped.len();
            return Ok(rest);
        }
        if self.start.is_empty()
            && let Some((packet, used)) = split_frame(data).map_err(Ended::Malformed)?
        {
            self.whole(packet)?;
            return Ok(data.get(used..).unwrap_or_default());
        }
        self.gather(data)
    }

    /// Adds to a packet that is not whole, no further than to its end or to the point where its data may begin.
    fn gather<'a>(&mut self, data: &'a [u8]) -> Result<&'a [u8], Ended> {
        let wanted = match self.start.first_chunk::<FRAME_HEAD_BYTES>() {
            None => FRAME_HEAD_BYTES,
            Some(_) => {
                let total = self.packet_bytes()? + FRAME_HEAD_BYTES;
                let head = total.min(FRAME_HEAD_BYTES + WriteHead::BYTES_MAX);
                if self.start.len() < head { head } else { total }
            }
        };
        let (piece, rest) = data.split_at(wanted.saturating_sub(self.start.len()).min(data.len()));
        self.start.extend_from_slice(piece);
        if self.start.len() < wanted || wanted == FRAME_HEAD_BYTES {
            return Ok(rest);
        }
        if self.start.len() == self.packet_bytes()? + FRAME_HEAD_BYTES {
            let start = std::mem::take(&mut self.start);
            let done = self.whole(start.get(FRAME_HEAD_BYTES..).unwrap_or_default());
            self.start = start;
            self.start.clear();
            done?;
        } else {
            self.begin_filling()?;
        }
        Ok(rest)
    }

    fn packet_bytes(&self) -> Result<usize, Ended> {
        // Judged before anything is waited for or allocated.
        match split_frame(&self.start) {
            Err(why) => Err(Ended::Malformed(why)),
            Ok(_) => {
                let length = self.start.first_chunk::<FRAME_HEAD_BYTES>().map_or(0, |head| u32::from_be_bytes(*head));
                Ok(usize::try_from(length).unwrap_or(PACKET_BYTES_MAX))
            }
        }
    }

    /// The first bytes of a packet are there: if they begin a large WRITE, its data gets a buffer of its own.
    fn begin_filling(&mut self) -> Result<(), Ended> {
        let packet_bytes = self.packet_bytes()?;
        let packet = self.start.get(FRAME_HEAD_BYTES..).unwrap_or_default();
        let head = match WriteHead::read(packet, packet_bytes) {
            Ok(Some(head)) if head.data_bytes >= FILL_BYTES => head,
            Ok(_) => return Ok(()),
            Err(undecodable) => {
                let left_bytes = packet_bytes - packet.len();
                self.unreadable(undecodable)?;
                self.start.clear();
                self.skip_bytes = left_bytes;
                return Ok(());
            }
        };
        let data = packet.get(head.head_bytes..).unwrap_or_default();
        let mut buffer = self.pool.take(head.data_bytes);
        buffer.extend_from_slice(data);
        // What may follow the data in its packet is passed over afterwards.
        self.skip_bytes = packet_bytes - head.head_bytes - head.data_bytes;
        self.filling = Some(Filling {
            id: head.id,
            handle: HandleId::of(head.handle),
            offset: head.offset,
            left_bytes: head.data_bytes - data.len(),
            buffer,
        });
        self.start.clear();
        Ok(())
    }

    fn filled(&mut self) {
        let Some(filling) = self.filling.take() else { return };
        let (handle, offset) = (filling.handle, filling.offset);
        let data = Data::Whole(filling.buffer.into_bytes());
        self.inbox.push(Work::Writes(Writes { handle, ids: vec![filling.id], offset, data }));
    }

    fn whole(&self, packet: &[u8]) -> Result<(), Ended> {
        let (id, request) = match Incoming::decode(packet) {
            Ok(Incoming::Init(init)) => {
                self.inbox.push(Work::Init { supported: init.is_supported() });
                return Ok(());
            }
            Ok(Incoming::Request { id, request }) => (id, request),
            Err(undecodable) => return self.unreadable(undecodable),
        };
        self.inbox.push(if let Request::Read { handle, offset, bytes } = request {
            Work::Reads(Reads { handle: HandleId::of(handle), id, offset, bytes, count: 1 })
        } else if let Request::Write { handle, offset, data } = request {
            let data = if data.len() < FILL_BYTES {
                Data::Joined(data.to_vec())
            } else {
                let mut buffer = self.pool.take(data.len());
                buffer.extend_from_slice(data);
                Data::Whole(buffer.into_bytes())
            };
            Work::Writes(Writes { handle: HandleId::of(handle), ids: vec![id], offset, data })
        } else {
            Work::Packet(packet.into())
        });
        Ok(())
    }

    /// Answered by its id where it has one; else nobody knows what the peer waits for, and the session ends.
    fn unreadable(&self, undecodable: Undecodable) -> Result<(), Ended> {
        let id = undecodable.id.ok_or(Ended::Malformed(undecodable.why))?;
        self.inbox.push(Work::Unreadable(id));
        Ok(())
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.inbox.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(id: u32, request: Request<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        Incoming::Request { id, request }.encode(&mut out);
        out
    }

    fn write(id: u32, offset: u64, data: &[u8]) -> Vec<u8> {
        packet(id, Request::Write { handle: &HandleId(7).to_bytes(), offset, data })
    }

    fn read(id: u32, offset: u64, bytes: u32) -> Vec<u8> {
        packet(id, Request::Read { handle: &HandleId(7).to_bytes(), offset, bytes })
    }

    fn feeder() -> (Feeder, Arc<Inbox>) {
        let inbox = Arc::new(Inbox::default());
        (Feeder::new(Arc::clone(&inbox), Arc::default()), inbox)
    }

    /// The bytes and ids of all WRITEs in the box, which must follow one another from 0 on.
    fn written(inbox: &Inbox) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut ids) = (Vec::new(), Vec::new());
        while let Some(Work::Writes(writes)) = inbox.try_next() {
            assert_eq!(writes.offset, bytes.len() as u64);
            bytes.extend_from_slice(&writes.data.into_bytes());
            ids.extend(writes.ids);
        }
        (bytes, ids)
    }

    #[tokio::test]
    async fn writes_of_every_size_come_whole_however_the_stream_is_cut() {
        let sizes = [1, 100, FILL_BYTES - 1, FILL_BYTES, 32_768, 5, 65_536, 261_120, 3];
        let (mut stream, mut sent) = (Vec::new(), Vec::new());
        for (id, size) in (0_u32..).zip(sizes) {
            let data: Vec<u8> = (0..=250).cycle().take(size).collect();
            stream.extend(write(id, sent.len() as u64, &data));
            sent.extend(data);
        }
        for step in [1_000, 4_097, 32_768, 65_535, stream.len()] {
            let (mut feeder, inbox) = feeder();
            for piece in stream.chunks(step) {
                feeder.feed(piece).await.unwrap();
            }
            let (bytes, ids) = written(&inbox);
            assert!(bytes == sent, "step {step}");
            assert_eq!(ids, (0..9).collect::<Vec<_>>());
            assert_eq!(inbox.lock().bytes, 0);
        }
        let (mut feeder, inbox) = feeder();
        for byte in stream.get(..40_000).unwrap().chunks(1) {
            feeder.feed(byte).await.unwrap();
        }
        assert!(written(&inbox).0 == sent[..1 + 100 + (FILL_BYTES - 1) + FILL_BYTES]);
    }

    #[tokio::test]
    async fn small_writes_that_follow_one_another_are_joined_and_others_are_not() {
        let (mut feeder, inbox) = feeder();
        for (id, offset) in [(1, 0), (2, 4_096), (3, 8_192), (4, 0)] {
            feeder.feed(&write(id, offset, &[1; 4_096])).await.unwrap();
        }
        let Some(Work::Writes(first)) = inbox.try_next() else { panic!("no writes") };
        assert_eq!((first.ids, first.data.len()), (vec![1, 2, 3], 12_288));
        let Some(Work::Writes(second)) = inbox.try_next() else { panic!("no writes") };
        assert_eq!((second.ids, second.offset), (vec![4], 0));
    }

    #[tokio::test]
    async fn a_million_reads_ahead_are_one_item() {
        let (mut feeder, inbox) = feeder();
        for n in 0..1_000_000_u32 {
            feeder.feed(&read(n, u64::from(n) * 32_768, 32_768)).await.unwrap();
        }
        feeder.feed(&read(1_000_000, 5, 32_768)).await.unwrap();
        let run = Reads { handle: HandleId(7), id: 0, offset: 0, bytes: 32_768, count: 1_000_000 };
        assert!(matches!(inbox.try_next(), Some(Work::Reads(found)) if found == run));
        assert!(matches!(inbox.try_next(), Some(Work::Reads(Reads { id: 1_000_000, count: 1, .. }))));
        assert!(inbox.try_next().is_none());
    }

    #[tokio::test]
    async fn a_full_box_makes_the_transport_wait_for_the_executor() {
        let (mut feeder, inbox) = feeder();
        let feeding = tokio::spawn(async move {
            for n in 0..100_u32 {
                feeder.feed(&write(n, u64::from(n) * 131_072, &[1; 131_072])).await?;
            }
            Ok::<_, Ended>(())
        });
        let mut got = 0;
        while let Some(work) = inbox.next().await {
            assert!(inbox.lock().bytes <= WAITING_BYTES + 131_072 + 2 * ITEM_BYTES);
            if let Work::Writes(writes) = work {
                got += writes.data.len();
            }
        }
        feeding.await.unwrap().unwrap();
        assert_eq!(got, 100 * 131_072);
    }

    #[tokio::test]
    async fn a_peer_that_sends_and_never_reads_is_ended() {
        let (mut feeder, inbox) = feeder();
        inbox.set_stuck(true);
        let mut outcome = Ok(());
        let mut fed = 0_u64;
        while outcome.is_ok() && fed < 1_000 {
            outcome = feeder.feed(&write(1, fed * 65_536, &[1; 65_536])).await;
            fed += 1;
        }
        assert_eq!(outcome, Err(Ended::Overflow));
        assert!((WAITING_BYTES_MAX as u64..WAITING_BYTES_MAX as u64 + 200_000).contains(&(fed * 65_536)));
        inbox.close();
        assert_eq!(feeder.feed(&read(1, 0, 1)).await, Err(Ended::Gone));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_answered_by_its_id_or_ends_the_session() {
        let (mut feeder, inbox) = feeder();
        feeder.feed(&[0, 0, 0, 6, 4, 0, 0, 0, 9, 0]).await.unwrap();
        assert!(matches!(inbox.try_next(), Some(Work::Unreadable(9))));
        // A large WRITE that says it has more data than its packet: passed over, and the next one is found.
        let mut lying = write(3, 0, &[1; 40_000]);
        lying[25] = 0xff;
        lying.extend(read(4, 0, 10));
        for piece in lying.chunks(1_000) {
            feeder.feed(piece).await.unwrap();
        }
        assert!(matches!(inbox.try_next(), Some(Work::Unreadable(3))));
        assert!(matches!(inbox.try_next(), Some(Work::Reads(Reads { id: 4, .. }))));
        for ending in [&[0, 0, 0, 0][..], &[0, 4, 0, 1], &[0xff; 4], &[0, 0, 0, 2, 4, 0], &[0, 0, 0, 1, 101]] {
            let (mut feeder, _inbox) = self::feeder();
            assert!(matches!(feeder.feed(ending).await, Err(Ended::Malformed(_))), "{ending:?}");
        }
    }
}
