"""Scripts that run inside containers, each as `python -I -S -c SOURCE ARGUMENTS`: their text travels, not the package.

The image under test may hold little else than an interpreter, and an older one than ours. So each is one file of the
standard library alone, in the syntax of Python 3.9; none starts a shell or asks through a proxy; what two of them need
stands in both. The last line of their output is JSON.

    probe      what the processes may do and hold, what listens, and where files can be made
    request    HTTP requests and their answers
    arrival    when an API is live, and when it is ready
    openapi    a GET of every path that the API's own document names
    libraries  shared libraries that the dynamic loader does not find, and objects for another machine
    in_flight  one request that is half sent when the server is told to stop
    load       requests without a pause, and what was accepted
    fill       a file system without a free byte
"""
