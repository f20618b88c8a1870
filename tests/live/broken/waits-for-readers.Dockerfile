# The API serves few requests at once, and has all the time of the world for clients that do not read.
ARG GOOD
FROM ${GOOD}
USER 0
RUN --mount=target=/mnt \
    python /mnt/edit.py words/service.py \
    'app = FastAPI(' \
    'TURNS = asyncio.Semaphore(20)|||class Turns:|    def __init__(self, app):|        self.app = app||    async def __call__(self, *asked):|        async with TURNS:|            await self.app(*asked)|||app = FastAPI(' \
 && python /mnt/edit.py words/service.py \
    'broker = Redis.from_url' \
    'app.add_middleware(Turns)|broker = Redis.from_url' \
 && python /mnt/edit.py words/connection.py \
    'self.loop.call_later(SECONDS, self.transport.abort)' \
    'self.loop.call_later(9999, self.transport.abort)'
USER 12345:12345
