from celery.result import AsyncResult
from fastapi import Body, FastAPI

from app.tasks import app as celery_app
from app.tasks import shout

app = FastAPI(title="Shouting with Celery")


@app.get("/")
def home():
    return {"message": "POST a text to /jobs, then GET /jobs/{id}"}


@app.post("/jobs", status_code=201)
def send_job(text: str = Body(embed=True)):
    job = shout.delay(text)
    return {"job_id": job.id}


@app.get("/jobs/{job_id}")
def get_status(job_id: str):
    job = AsyncResult(job_id, app=celery_app)
    return {"job_id": job_id, "job_status": job.status, "job_result": str(job.result) if job.ready() else None}
