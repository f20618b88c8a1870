"""Scripts that run inside containers, each as `python -I -S -c SOURCE ARGUMENTS`.

The image under test may contain little more than an interpreter, and an older one than ours. So each script is a single
file, imports only the standard library, and uses the syntax of Python 3.9. No script starts a shell or uses a proxy.
Code that two scripts need is in both. The last line of a script's output is JSON.

    probe      what the processes may do and hold, what listens, and where files can be created
    request    sends HTTP requests and prints the answers
    arrival    finds out when an API is live, and when it is ready
    openapi    sends a GET to every path in the API's OpenAPI document
    libraries  shared libraries that the dynamic loader does not find, and objects for another machine
    in_flight  sends half a request before the server is stopped, and the rest afterwards
    load       sends requests without a pause and counts the accepted ones
    hold       keeps connections open that ask and do not go on, and asks whether others are answered
    fill       fills a file system to the last byte
    stub       answers requests in place of third parties
    due        starts Celery's beat, for which the next entry of the schedule is due at once
    stay       stays, and runs other programs, line by line
    usage      adds up what the files in a folder take on the disk
"""
